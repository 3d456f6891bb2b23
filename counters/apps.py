"""The application's registration and its signal receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from integrations.models import YandexAccount


def make_due(sender: object, *, account: YandexAccount, **_kwargs: Any) -> None:
    """Refresh the account's counters on the next run: its rights may have changed meanwhile."""
    type(account).objects.filter(pk=account.pk).update(counters_refreshed_at=None)


class CountersConfig(AppConfig):
    """Names the application in the admin and connects the receivers."""

    name = "counters"
    verbose_name = _("Счетчики")

    def ready(self) -> None:
        from integrations.signals import account_reconnected

        account_reconnected.connect(make_due, dispatch_uid="counters.make_due")
