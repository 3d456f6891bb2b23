"""App config of calls: its signals and system checks."""

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
    """Apply a counter's change to its waiting calls, inside the transaction of the change."""
    from calls.delivery.recovery import apply_counter_change  # models are not ready at import

    apply_counter_change(counter, now=timezone.now())


def follow_account(sender: object, *, account: YandexAccount, **_kwargs: Any) -> None:
    """Release uploads held by the account's refused token, inside the same transaction."""
    from calls.delivery.resume import release_refused  # as above

    release_refused(account, now=timezone.now())


def make_partitions(*, using: str, **_kwargs: Any) -> None:
    """Create partitions ahead: after the first migration the beat task runs only minutes later."""
    from calls.runtime import partitions  # as above

    if using == DEFAULT_DB_ALIAS and partitions.is_installed():
        partitions.keep_up(now=timezone.now())


def reread_stored_calls(*, using: str, plan: object = None, **_kwargs: Any) -> None:
    """Read calls again that a former version misread, before the new one can send them.

    ``plan`` comes from `migrate` alone; `flush` sends the signal without it. Not while migrations
    are missing: the tables are not yet those of this version.
    """
    from django.db import connections
    from django.db.migrations.executor import MigrationExecutor

    from calls.ingest.reread import reread_calls  # models are not ready at import

    if using != DEFAULT_DB_ALIAS or plan is None:
        return
    executor = MigrationExecutor(connections[using])
    if not executor.migration_plan(executor.loader.graph.leaf_nodes()):
        reread_calls(now=timezone.now())


class CallsConfig(AppConfig):
    """Connects the app to changes of counters and accounts."""

    name = "calls"
    verbose_name = _("Звонки")

    def ready(self) -> None:
        from calls import checks as checks  # registers itself
        from counters.signals import counter_changed
        from integrations.signals import account_reconnected

        account_reconnected.connect(follow_account, dispatch_uid="calls.follow_account")
        counter_changed.connect(follow_counter, dispatch_uid="calls.follow_counter")
        post_migrate.connect(make_partitions, sender=self, dispatch_uid="calls.make_partitions")
        post_migrate.connect(reread_stored_calls, sender=self, dispatch_uid="calls.reread_calls")
