"""Addresses of the counters' pages."""

from __future__ import annotations

from django.urls import path

from counters.pages import access_views
from dashboard import counter_views

app_name = "counters"

COUNTER = "integrations/yandex/counters/<int:pk>"

urlpatterns = [
    path("integrations/yandex", counter_views.counter_list, name="list"),
    path(
        "integrations/yandex/accounts/<int:account_pk>/counters/add",
        counter_views.add_counters,
        name="add",
    ),
    path(
        "integrations/yandex/accounts/<int:account_pk>/check",
        access_views.check_access,
        name="check-access",
    ),
    path(COUNTER, counter_views.counter_settings, name="settings"),
    path(f"{COUNTER}/switch", counter_views.switch_counter, name="switch"),
    path(f"{COUNTER}/goals", counter_views.refresh_goals, name="refresh-goals"),
    path(f"{COUNTER}/delete", counter_views.delete_counter, name="delete"),
]
