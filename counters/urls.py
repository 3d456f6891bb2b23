"""URLs of the counters' pages that show no calls; the others are in `dashboard.urls`."""

from __future__ import annotations

from django.urls import path

from counters.pages import views

COUNTER = "integrations/yandex/counters/<int:pk>"
ACCOUNT = "integrations/yandex/accounts/<int:account_pk>"

urlpatterns = [
    path(f"{ACCOUNT}/counters/add", views.add_counters, name="add"),
    path(f"{ACCOUNT}/check", views.check_access, name="check-access"),
    path(f"{COUNTER}/continue", views.check_and_continue, name="continue"),
    path(f"{COUNTER}/switch", views.switch_counter, name="switch"),
]
