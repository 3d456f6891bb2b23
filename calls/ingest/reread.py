"""Reads stored records again that a former version took for static calls.

It took every call without a usable identifier for a static one, also one whose identifier came and
could not be read: such a call would go to Metrika as unlinked (StaticCall=1) for ever. A repeat of
its record does not help, as it is a duplicate. Runs after `manage.py migrate`, and by
`manage.py reread_calls`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Collate

from calls.decision.read_again import decide_read_again
from calls.decision.redecide import STILL_WAITING
from calls.ingest.parsing.fields import MAX_EXACT_FLOAT, Unusable
from calls.ingest.parsing.record import read_visitor
from calls.models import Call
from calls.states import CallKind

logger = logging.getLogger(__name__)

#: Calls of one transaction.
BATCH = 500
_COLUMNS = ("kind", "client_id", "yclid", "user_id", "unreadable_identifiers")


@dataclass
class Reread:
    """How many stored calls were read again, and how many of them changed."""

    read: int = 0
    changed: int = 0


def reread_calls(*, now: datetime, dry_run: bool = False) -> Reread:
    """Read the waiting static calls without an identifier again, and decide the changed ones again.

    What the record itself calls static stays. Safe to repeat, and to stop at any time: each batch
    is a transaction. With ``dry_run`` nothing is changed.
    """
    total = Reread()
    for call_ids in _batches(now):
        with transaction.atomic():
            calls = list(_lock(call_ids))
            changed = [call for call in calls if _read_again(call)]
            if changed and not dry_run:
                _update(changed)
                decide_read_again([call.pk for call in changed], now=now)
        total.read += len(calls)
        total.changed += len(changed)
        logger.info("%s stored calls read again, %s changed", total.read, total.changed)
    return total


def _update(calls: Sequence[Call]) -> None:
    """Write the columns; a JSON column as `bulk_update` writes it would get a JSON null."""
    columns = ("id", "partition_at", *_COLUMNS)
    rows = [{name: getattr(call, name) for name in columns} for call in calls]
    with connection.cursor() as cursor:
        cursor.execute(
            # Files that were built have the former values, and pages say so: a revision.
            f"""UPDATE calls_call AS call SET revision = call.revision + 1,
                    {", ".join(f"{column} = new.{column}" for column in _COLUMNS)}
                FROM json_to_recordset(%s::json) AS new(id bigint, partition_at timestamptz,
                    kind text, client_id text, yclid text, user_id text,
                    unreadable_identifiers jsonb)
                WHERE call.id = new.id AND call.partition_at = new.partition_at""",
            [json.dumps(rows, ensure_ascii=False, default=datetime.isoformat)],
        )


def _batches(now: datetime) -> Iterator[list[int]]:
    # Both halves of the condition have a partial index of their own.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT c.id FROM calls_delivery d JOIN calls_call c"
            " ON c.id = d.call_id AND c.partition_at = d.partition_at"
            f" WHERE {STILL_WAITING.format(row='d')} AND d.expires_at > %(now)s"
            f" AND c.kind = '{CallKind.STATIC}' AND c.unreadable_identifiers IS NULL"
            " AND c.client_id = '' AND c.yclid = '' AND c.user_id = '' ORDER BY c.id",
            {"now": now},
        )
        ids = [row[0] for row in cursor.fetchall()]
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _lock(call_ids: list[int]) -> QuerySet[Call]:
    """Lock the calls in the order of the intake, leaving out those that a record has changed."""
    calls = Call.objects.filter(
        pk__in=call_ids,
        kind=CallKind.STATIC,
        unreadable_identifiers__isnull=True,
        client_id="",
        yclid="",
        user_id="",
    )
    in_order = calls.order_by(Collate("external_id", "C"))
    return in_order.only("pk", "partition_at", "raw", *_COLUMNS).select_for_update(no_key=True)


def _read_again(call: Call) -> bool:
    """Set what is read now; return whether it differs."""
    try:
        columns = read_visitor(_with_exponents(call.raw))
    except Unusable as problem:
        logger.warning("the record of call %s is not read again: %s", call.pk, problem.code)
        return False
    if all(getattr(call, name) == columns[name] for name in _COLUMNS):
        return False
    for name in _COLUMNS:
        setattr(call, name, columns[name])
    return True


def _with_exponents(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record with the exponents of rounded numbers, which the database wrote out.

    A whole number of that size was read as an identifier; one that was not came as 1.71803E+18.
    """
    return {
        name: f"{Decimal(value).normalize():E}"
        if type(value) is int and abs(value) > MAX_EXACT_FLOAT
        else value
        for name, value in raw.items()
    }
