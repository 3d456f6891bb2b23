"""Rows of the goal channel that Metrika counts once: same goal, same visitor, same second.

https://www.yandex.com/support/metrica/en/general/parameters-goal
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from calls.models import Delivery, Upload
from calls.states import Channel, DeliveryState, IdKind, UploadState, sql_list
from counters.metrika_goal import TARGET_SEPARATOR

#: A call keeps its partition when its start is corrected; by more than this it is not found here.
_CORRECTED_BY = timedelta(days=3)
#: Metrika does not get the rows of these uploads.
_NOT_DELIVERED = (UploadState.CANCELLED, UploadState.NEEDS_ATTENTION)


@dataclass(frozen=True)
class SameSecond:
    """The other calls of the same second: one of them, and how many there are."""

    external_id: str
    count: int


def _is_delivered(row: str, upload: str) -> str:
    """Return SQL of whether Metrika has this row or will get it."""
    return f"""({row}.state = {DeliveryState.WAITING.value}
        OR {row}.state = {DeliveryState.BATCHED.value}
           AND {upload}.state NOT IN {sql_list(_NOT_DELIVERED)})"""


_SAME_VISITOR = f"""CASE d.id_kind
    WHEN {IdKind.CLIENT_ID.value} THEN c.client_id <> '' AND o.client_id = c.client_id
    WHEN {IdKind.YCLID.value} THEN c.yclid <> '' AND o.yclid = c.yclid
    WHEN {IdKind.USER_ID.value} THEN c.user_id <> '' AND o.user_id = c.user_id END"""

#: Rows `d` with the others `e` of their second; a caller adds which rows.
_PAIRS = f"""
FROM calls_delivery d
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
LEFT JOIN calls_upload u ON u.id = d.upload_id
JOIN calls_call o ON o.cabinet_id = c.cabinet_id AND o.id <> c.id
  AND o.started_at >= date_trunc('second', c.started_at)
  AND o.started_at < date_trunc('second', c.started_at) + interval '1 second'
  -- The same once more, for a hash join: of a large upload the calls of its days are read once.
  AND date_trunc('second', o.started_at) = date_trunc('second', c.started_at)
  AND o.started_at BETWEEN %(since)s AND %(until)s
  AND o.partition_at BETWEEN %(since)s AND %(until)s AND {_SAME_VISITOR}
JOIN calls_delivery e ON e.call_id = o.id AND e.partition_at = o.partition_at
  AND e.counter_id = d.counter_id AND e.channel = d.channel AND e.id_kind = d.id_kind
LEFT JOIN calls_upload v ON v.id = e.upload_id
WHERE d.channel = {Channel.GOAL.value} AND NOT d.is_static AND NOT e.is_static
  AND d.partition_at BETWEEN %(since)s AND %(until)s
  AND {_is_delivered("d", "u")} AND {_is_delivered("e", "v")}
  -- Rows that are in no file yet have the goal of the counter.
  AND coalesce(u.target = v.target, true)
  -- A file that names two goals has one for callbacks and one for other calls.
  AND (position(%(separator)s IN coalesce(u.target, v.target, '')) = 0
       OR (c.kind = 'callback') = (o.kind = 'callback'))
"""


def same_second(deliveries: Sequence[Delivery]) -> dict[tuple[int, int], SameSecond]:
    """Return by (call id, counter id) the calls that Metrika counts as one with it, in one query.

    Only deliveries of the goal channel can have any; without them no query is made.
    """
    goals = [one for one in deliveries if one.channel == Channel.GOAL]
    if not goals:
        return {}
    values: dict[str, datetime | str | list[int]] = {
        **_parameters([one.partition_at for one in goals]),
        "calls": [one.call_id for one in goals],
        "counters": [one.counter_id for one in goals],
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT d.call_id, d.counter_id, min(o.external_id), count(*) {_PAIRS}"
            " AND d.call_id = ANY(%(calls)s) AND d.counter_id = ANY(%(counters)s)"
            " GROUP BY d.call_id, d.counter_id",
            values,
        )
        return {(row[0], row[1]): SameSecond(row[2], row[3]) for row in cursor.fetchall()}


def rows_of_same_second(upload: Upload) -> int:
    """Return how many rows of the upload Metrika counts as one with another row, in any file."""
    if upload.channel != Channel.GOAL:
        return 0
    values: dict[str, datetime | str | int] = {
        **_parameters([upload.oldest_call_at, upload.newest_call_at]),
        "upload": upload.pk,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(DISTINCT d.call_id) {_PAIRS} AND d.upload_id = %(upload)s", values
        )
        return int(cursor.fetchone()[0])


def _parameters(moments: Collection[datetime]) -> dict[str, datetime | str]:
    """Return the parameters of `_PAIRS` for rows of these times."""
    return {
        "since": min(moments) - _CORRECTED_BY,
        "until": max(moments) + _CORRECTED_BY,
        "separator": TARGET_SEPARATOR,
    }
