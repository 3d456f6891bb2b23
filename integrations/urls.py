"""Addresses of linking; the integrations page itself is in `dashboard.urls`."""

from __future__ import annotations

from django.urls import path

from integrations.linking import views

ACCOUNT = "integrations/yandex/accounts/<int:pk>"

urlpatterns = [
    path("integrations/yandex/link", views.link_start, name="link-start"),
    path("integrations/yandex/callback", views.link_callback, name="link-callback"),
    path("integrations/yandex/link-result/<slug:reason>", views.link_result, name="link-result"),
    path(f"{ACCOUNT}/reauthorise", views.link_reauthorise, name="link-reauthorise"),
]
