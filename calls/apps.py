"""The application's registration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallsConfig(AppConfig):
    """Names the application in the admin."""

    name = "calls"
    verbose_name = _("Звонки")
