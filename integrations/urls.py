"""Addresses of the integrations page and of linking."""

from __future__ import annotations

from django.urls import path

from integrations.linking import views

app_name = "integrations"

ACCOUNT = "integrations/yandex/accounts/<int:pk>"

urlpatterns = [
    path("integrations", views.dashboard, name="dashboard"),
    path("integrations/yandex/link", views.link_start, name="link-start"),
    path("integrations/yandex/callback", views.link_callback, name="link-callback"),
    path("integrations/yandex/link-result/<slug:reason>", views.link_result, name="link-result"),
    path(f"{ACCOUNT}/reauthorise", views.link_reauthorise, name="link-reauthorise"),
    path(f"{ACCOUNT}/disconnect", views.account_disconnect, name="account-disconnect"),
]
