"""Stops a counter whose uploads Metrika refuses for a cause of the counter, and lets it go on.

The stop is a fact on the counter's row and part of `counters.sendable.SENDABLE`: while it stands no
file is built or sent, and files that were built wait. `counters.sync.stopped` checks whether the
cause is gone. Both moves are a compare-and-set and write the audit trail in the same transaction.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from counters.models import Counter
from counters.states import StopCause


@transaction.atomic
def stop(counter_id: int, cause: StopCause, *, now: datetime) -> bool:
    """Stop the counter; False when it is stopped already: the first cause and time are kept.

    The first check is due at once: it reads what later checks are compared with.
    """
    running = Counter.objects.filter(pk=counter_id, stopped_cause="")
    if not running.update(stopped_cause=cause, stopped_at=now, stop_checked_at=None):
        return False
    _log(counter_id, None, "counter.stopped", {"stopped_cause": ""}, {"stopped_cause": str(cause)})
    return True


@transaction.atomic
def resume(counter: Counter, *, actor: User | None, now: datetime) -> bool:
    """Let the counter go on; False when it runs, or was stopped anew since it was loaded.

    ``actor`` is None when a check found that the cause is gone. `stop_checked_at` keeps when the
    counter went on: what was refused before that may be tried again.
    """
    stopped = Counter.objects.stopped().filter(
        pk=counter.pk, stopped_cause=counter.stopped_cause, stopped_at=counter.stopped_at
    )
    if not stopped.update(stopped_cause="", stopped_at=None, stop_checked_at=now):
        return False
    before = {"stopped_cause": counter.stopped_cause}
    _log(counter.pk, actor, "counter.continued", before, {"stopped_cause": ""})
    return True


@transaction.atomic
def log_check(counter: Counter, *, actor: User | None, now: datetime) -> None:
    """Record that a person had the cause checked, if the counter is stopped after that."""
    stopped = Counter.objects.stopped().filter(pk=counter.pk)
    if stopped.update(stop_checked_at=now):
        cause = {"stopped_cause": counter.stopped_cause}
        _log(counter.pk, actor, "counter.stop_checked", cause, cause)


def _log(
    counter_id: int,
    actor: User | None,
    action: str,
    before: dict[str, str],
    after: dict[str, str],
) -> None:
    counter = Counter.objects.select_related("cabinet").get(pk=counter_id)
    audit.log_change(
        cabinet=counter.cabinet,
        actor=actor,
        action=action,
        subject=counter,
        before=before,
        after=after,
    )
