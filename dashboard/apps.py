"""The application's registration."""

from __future__ import annotations

from django.apps import AppConfig


class DashboardConfig(AppConfig):
    """The cabinet's pages that show more than one app. It has no models."""

    name = "dashboard"
