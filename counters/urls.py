"""Addresses of the counters' pages."""

from __future__ import annotations

from django.urls import path

from counters import access_views, views

app_name = "counters"

COUNTER = "integrations/yandex/counters/<int:pk>"

urlpatterns = [
    path("integrations/yandex", views.counter_list, name="list"),
    path(
        "integrations/yandex/accounts/<int:account_pk>/counters/add",
        views.add_counters,
        name="add",
    ),
    path(
        "integrations/yandex/accounts/<int:account_pk>/check",
        access_views.check_access,
        name="check-access",
    ),
    path(COUNTER, views.counter_settings, name="settings"),
    path(f"{COUNTER}/switch", views.switch_counter, name="switch"),
    path(f"{COUNTER}/goals", views.refresh_goals, name="refresh-goals"),
    path(f"{COUNTER}/delete", views.delete_counter, name="delete"),
]
