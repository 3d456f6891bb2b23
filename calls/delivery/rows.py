"""Statements that change many rows of the ledger at once, each in the one order of locks.

Rows are locked by call, counter and channel, as `calls.decision.decide` locks them, so that two
statements never wait for each other in a circle.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import F, Value
from django.db.models.functions import Least

from calls.decision.redecide import redecide
from calls.models import Delivery, Upload
from calls.models.querysets import WAITING_SQL
from calls.states import DeliveryState


def lock_rows(upload: Upload) -> None:
    """Lock the rows of the upload. Runs in a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM (SELECT 1 FROM calls_delivery WHERE upload_id = %s"
            " ORDER BY call_id, counter_id, channel FOR UPDATE) AS locked",
            [upload.pk],
        )


def return_to_waiting(upload: Upload, *, now: datetime, decides: bool = True) -> int:
    """Detach the rows that are still in this upload, so that they wait again; return how many.

    Only for an upload that certainly has not arrived, in a transaction that holds its lock and
    those of its rows. The rows are decided again, because calls and settings may have changed
    since the upload was built; not without ``decides``, when something else does it before a file
    is built.
    """
    rows = Delivery.objects.filter(upload=upload).batched()
    returned = list(rows.values_list("call_id", "partition_at"))
    rows.update(
        state=DeliveryState.WAITING,
        upload=None,
        row_number=None,
        call_revision=None,
        # Some may be past their horizon, beyond which no row is held.
        not_before=Least(Value(now), F("expires_at")),
    )
    if returned and decides:
        moments = [moment for _pk, moment in returned]
        call_ids = [pk for pk, _moment in returned]
        redecide(upload.counter_id, call_ids, now=now, between=(min(moments), max(moments)))
    return len(returned)


def update_waiting(
    which: str, parameters: dict[str, Any], *, to: str, values: dict[str, Any]
) -> int:
    """Change the waiting rows that match the SQL condition ``which``; see `update_rows`."""
    return update_rows(f"{WAITING_SQL} AND {which}", parameters, to=to, values=values)


def update_rows(
    which: str,
    parameters: dict[str, Any],
    *,
    to: str,
    values: dict[str, Any],
    most: int | None = None,
) -> int:
    """Change the rows that match the SQL condition ``which``, at ``most`` so many; return how many.

    ``to`` is the SET clause; ``parameters`` and ``values`` are the parameters of the two.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH locked AS ("
            " SELECT call_id, counter_id, channel, partition_at FROM calls_delivery"
            f" WHERE {which}"
            " ORDER BY call_id, counter_id, channel LIMIT %(most)s FOR UPDATE)"
            f" UPDATE calls_delivery d SET {to} FROM locked"
            " WHERE d.call_id = locked.call_id AND d.counter_id = locked.counter_id"
            " AND d.channel = locked.channel AND d.partition_at = locked.partition_at",
            parameters | values | {"most": most},
        )
        return int(cursor.rowcount)
