"""Holds a pulled source for one worker, and moves its row. Every write is a compare-and-set.

A row belongs to the worker whose lease it has; a person's order takes the lease away. A worker
that no longer has it writes nothing: what it read is stored by the next one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef
from django.db.models.expressions import Combinable

from cabinets.models import CallSource
from calls.callkeeper.errors import CallKeeperError, WrongKey
from calls.ingest.store import Result
from calls.models import PullSource
from calls.ways.pull import pauses
from calls.ways.pull.api import longest_request
from calls.ways.pull.windows import next_window

#: A number in PostgreSQL's space of advisory locks: two claims do not count held sources at once.
_LOCK = 7_310_062
#: What is left of a worker's hold on a row.
FREE: dict[str, Any] = {"lease": "", "lease_until": None}
#: No window is begun.
NO_WINDOW: dict[str, Any] = {
    "window_from": None,
    "window_to": None,
    "is_reread": False,
    "page": 0,
    "page_digest": "",
}
#: What a claim writes.
CLAIMED = (
    *("lease", "lease_until", "window_from", "window_to", "is_reread", "run_started_at"),
    *("run_received", "run_created", "run_updated", "run_rejected"),
)
NO_ERROR: dict[str, Any] = {"failures": 0, "error_code": "", "error_text": "", "error_at": None}


class LeaseLost(Exception):
    """Another worker or a person took the row: what was to be stored with it must not be."""


def claim(now: datetime) -> PullSource | None:
    """Hold the source that has been due longest, with a window begun; None if none may be held."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if PullSource.objects.held(now).count() >= settings.PULLS_AT_A_TIME:
            return None
        due = PullSource.objects.due(now).select_for_update(skip_locked=True, of=("self",))
        pull = due.select_related("source").order_by("next_at", "pk").first()
        if pull is None:
            return None
        _set(pull, lease=secrets.token_hex(16), lease_until=_lease_end(now))
        if pull.window_to is None:
            _begin(pull, now)
        pull.save(update_fields=CLAIMED)
        return pull


def _begin(pull: PullSource, now: datetime) -> None:
    window = next_window(pull, now)
    _set(
        pull,
        window_from=window.since,
        window_to=window.until,
        is_reread=window.is_reread,
        run_started_at=now,
        run_received=0,
        run_created=0,
        run_updated=0,
        run_rejected=0,
    )


def pass_page(pull: PullSource, results: Sequence[Result], digest: str, *, now: datetime) -> None:
    """Move on to the next page, in the transaction that stores this one. Raises LeaseLost."""
    statuses = [one.status for one in results]
    _move(
        pull,
        page=pull.page + 1,
        page_digest=digest,
        lease_until=_lease_end(now),
        run_received=F("run_received") + len(statuses),
        run_created=F("run_created") + statuses.count("created"),
        run_updated=F("run_updated") + statuses.count("updated"),
        run_rejected=F("run_rejected") + statuses.count("rejected"),
        **NO_ERROR,
    )


def end_window(pull: PullSource, *, now: datetime) -> None:
    """Move the watermark to the end of the window and let the source go. Raises LeaseLost."""
    assert pull.window_to is not None
    assert pull.run_started_at is not None
    is_behind = pull.window_to < pull.run_started_at
    _move(
        pull,
        pulled_until=pull.window_to,
        reread_at=pull.run_started_at if pull.is_reread else pull.reread_at,
        run_ended_at=now,
        next_at=now if is_behind else now + pauses.after_success(),
        **NO_WINDOW,
        **NO_ERROR,
        **FREE,
    )


def release(pull: PullSource, *, now: datetime) -> None:
    """Let the source go in the middle of a window; others that are due come first."""
    _move(pull, next_at=now, **FREE)


def fail(pull: PullSource, error: CallKeeperError, *, now: datetime) -> None:
    """Record the error and put the next request off; a wrong key waits for a person."""
    failures = min(pull.failures + 1, 1000)
    _move(
        pull,
        state=PullSource.State.WRONG_KEY if isinstance(error, WrongKey) else pull.state,
        failures=failures,
        error_code=error.code,
        error_text=error.text,
        error_at=now,
        next_at=now + pauses.after_failure(failures, error),
        **FREE,
    )


def _move(pull: PullSource, **values: Any) -> None:
    """Write the values while the row is ours, and take over those that are known."""
    # Not a join: of an updated row PostgreSQL checks these conditions again, but no subquery's.
    is_on = Exists(CallSource.objects.filter(pk=OuterRef("pk"), is_active=True))
    ours = PullSource.objects.filter(
        is_on, pk=pull.pk, lease=pull.lease, state=PullSource.State.ACTIVE
    )
    if not pull.lease or not ours.update(**values):
        raise LeaseLost
    _set(pull, **{name: one for name, one in values.items() if not isinstance(one, Combinable)})


def _set(pull: PullSource, **values: Any) -> None:
    for name, value in values.items():
        setattr(pull, name, value)


def _lease_end(now: datetime) -> datetime:
    return now + longest_request() + timedelta(seconds=settings.LEASE_MARGIN_SECONDS)
