"""The application's registration, and what it listens to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from integrations.models import YandexAccount


def refresh_now(sender: object, *, account: YandexAccount, **_kwargs: Any) -> None:
    """Make the account due: its rights may have changed while it was away."""
    type(account).objects.filter(pk=account.pk).update(counters_refreshed_at=None)


class CountersConfig(AppConfig):
    """Names the application in the admin and connects it to the accounts it uses."""

    name = "counters"
    verbose_name = _("Счетчики")

    def ready(self) -> None:
        from integrations.signals import account_reconnected

        account_reconnected.connect(refresh_now, dispatch_uid="counters.look_at_once")
