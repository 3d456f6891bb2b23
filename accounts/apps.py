"""The application's registration."""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Connects the receivers of signals."""

    name = "accounts"
    verbose_name = _("Вход")

    def ready(self) -> None:
        """Connect what listens to sign-ins and to changes of people and rights."""
        from accounts import known_browser, sessions, user_audit  # noqa: F401

        user_audit.connect()
