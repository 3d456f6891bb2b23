"""The application's registration, and what it listens to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_migrate
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from counters.models import Counter
    from integrations.models import YandexAccount


def follow_counter(sender: object, *, counter: Counter, **_kwargs: Any) -> None:
    """Apply a counter's change to what waits for it, inside the transaction of the change."""
    from calls.delivery.recovery import apply_counter_change  # models are not ready at import

    apply_counter_change(counter, now=timezone.now())


def follow_account(sender: object, *, account: YandexAccount, **_kwargs: Any) -> None:
    """Let go what the refused token of the account held up, inside the same transaction."""
    from calls.delivery.resume import release_refused  # as above

    release_refused(account, now=timezone.now())


def make_partitions(*, using: str, **_kwargs: Any) -> None:
    """Make the months ahead: a timetable that was just set up first does so minutes later."""
    from calls.runtime import partitions  # as above

    if using == DEFAULT_DB_ALIAS and partitions.is_installed():
        partitions.keep_up(now=timezone.now())


class CallsConfig(AppConfig):
    """Names the application in the admin and connects it to the counters it serves."""

    name = "calls"
    verbose_name = _("Звонки")

    def ready(self) -> None:
        from calls import checks as checks  # registers itself
        from counters.signals import counter_changed
        from integrations.signals import account_reconnected

        account_reconnected.connect(follow_account, dispatch_uid="calls.follow_account")
        counter_changed.connect(follow_counter, dispatch_uid="calls.follow_counter")
        post_migrate.connect(make_partitions, sender=self, dispatch_uid="calls.make_partitions")
