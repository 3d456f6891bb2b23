"""The application's registration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class IntegrationsConfig(AppConfig):
    """Names the application in the admin, and refuses an unsafe start."""

    name = "integrations"
    verbose_name = _("Интеграции")

    def ready(self) -> None:
        from integrations import checks  # registers itself; needs the models loaded

        checks.refuse_insecure_transport()
        checks.refuse_missing_credentials()
