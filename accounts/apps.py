"""The application's registration."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """Connects the receivers of signals."""

    name = "accounts"
    verbose_name = _("Вход")

    def ready(self) -> None:
        """Connect what listens to sign-ins and to changes of people and rights."""
        from allauth.mfa.models import Authenticator

        from accounts import known_browser, sessions, user_audit  # noqa: F401
        from cabinets.key_rotation import add_sealed_json

        apps.get_app_config("mfa").verbose_name = _("Защита входа")  # in the admin
        user_audit.connect()
        add_sealed_json(Authenticator, "data", "secret", "seed")
