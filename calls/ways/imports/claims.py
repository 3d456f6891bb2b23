"""A worker's hold on an import, and every move it makes; each is a compare-and-set on the lease.

A person's order (`calls.ways.imports.orders`) takes the lease away: the worker's next move then
raises LeaseLost, and the transaction with its calls is rolled back.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from calls.ingest.intake import counts_of
from calls.ingest.store import Result
from calls.models import FileImport, ImportState

#: Files that all workers together read at a time; the other workers are for sending.
AT_A_TIME = 2
#: Longer than a step, and than finding the place in a file of IMPORT_MAX_BYTES.
LEASE = timedelta(minutes=5)
#: Times that a worker may end (or die) without a step before the import is given up.
MAX_FAILURES = 5
_LOCK = 0x494D5054
FREE: dict[str, Any] = {"lease": "", "lease_until": None}


class LeaseLost(Exception):
    """A person's order or another worker took the row: what was to be written must not be."""


def claim(now: datetime) -> FileImport | None:
    """Hold the import that was worked on longest ago; None if none is due or may be held."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if FileImport.objects.held(now).count() >= AT_A_TIME:
            return None
        due = FileImport.objects.due(now).select_for_update(skip_locked=True, of=("self",))
        order = F("turn_at").asc(nulls_first=True)
        found = due.select_related("source").order_by(order, "pk").first()
        if found is None:
            return None
        found.lease, found.lease_until = secrets.token_hex(16), now + LEASE
        found.turn_at, found.failures = now, found.failures + 1
        if found.state == ImportState.UPLOADED:
            found.state = ImportState.CHECKING
        found.save(update_fields=["lease", "lease_until", "turn_at", "failures", "state"])
        return found


def describe(one: FileImport, **values: Any) -> None:
    """Write what the file is: kind, columns, first rows. Raises LeaseLost."""
    _move(one, **values)


def pass_checked(one: FileImport, *, valid: int, invalid: int, now: datetime, **more: Any) -> None:
    """Move on past a step that was checked. Raises LeaseLost."""
    counts = {"valid": one.valid + valid, "invalid": one.invalid + invalid}
    _move(one, **counts, **more, failures=0, lease_until=now + LEASE)


def pass_stored(one: FileImport, results: Sequence[Result], *, now: datetime) -> None:
    """Move on past a step, in the transaction that stores its calls. Raises LeaseLost."""
    statuses = counts_of(result.status for result in results)
    counts = {name: getattr(one, name) + count for name, count in statuses.items()}
    _move(one, **counts, failures=0, lease_until=now + LEASE)


def end_check(one: FileImport) -> None:
    """Let a person decide about the file that was read to its end. Raises LeaseLost."""
    _move(one, state=ImportState.CHECKED, rows_total=one.checked, failures=0, **FREE)


def end_store(one: FileImport, *, now: datetime) -> None:
    """Finish the import all of whose rows are stored. Raises LeaseLost."""
    _move(one, state=ImportState.DONE, finished_at=now, failures=0, **FREE)


def release(one: FileImport) -> None:
    """Let the import go in the middle of the file; others come first. Raises LeaseLost."""
    _move(one, failures=0, **FREE)


def fail(one: FileImport, *, code: str, text: str, now: datetime) -> None:
    """End an import whose file cannot be read. Raises LeaseLost."""
    _move(
        one,
        state=ImportState.FAILED,
        error_code=code,
        error_text=text,
        finished_at=now,
        failures=0,
        **FREE,
    )


def _move(one: FileImport, **values: Any) -> None:
    """Write the values while the row is ours, and take them over."""
    ours = FileImport.objects.filter(pk=one.pk, lease=one.lease, state=one.state)
    if not one.lease or not ours.update(**values):
        raise LeaseLost
    for name, value in values.items():
        setattr(one, name, value)
