"""Calls that wait long to be sent, with the cause, from the rows; `LATE_STATES` is also a filter of
the ledger, which lists exactly them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.queries.blockers import named_blockers_of, of_channel
from calls.states import (
    CALL_NOT_FINISHED,
    MAY_HAVE_ARRIVED,
    TO_SEND,
    DeliveryState,
    DisplayState,
    UploadState,
    sql_list,
)
from counters.models import Counter

#: A call waits long so much time after its start.
LATE = timedelta(hours=1)
#: Older waiting calls have their own warnings (`calls.queries.expiry_warnings`).
LOOKED_BACK = timedelta(days=7)
#: Display states of what `_WAITING` counts, by its cause.
LATE_STATES = {
    "held": (DisplayState.HELD,),
    "queue": (DisplayState.WAITING, DisplayState.BATCHED, DisplayState.UNCLEAR),
    "final": (DisplayState.NOT_FINISHED,),
}


@dataclass(frozen=True)
class Waiting:
    """Calls of a counter and a channel that wait longer than LATE, all for the same cause."""

    counter: Counter
    channel: int
    #: A key of `LATE_STATES`.
    code: str
    cause: str
    calls: int
    #: When the first of them began.
    oldest: datetime


# Rows in the queue (delivery_queue_by_age), those that wait for the end of the call
# (delivery_decided), and those of files on their way (upload_due, upload_uncertain,
# upload_to_split; delivery_by_upload).
_WAITING = f"""
SELECT counter_id, channel, cause, sum(calls)::bigint, min(oldest) FROM (
    SELECT d.counter_id, d.channel,
           CASE WHEN d.not_before > %(now)s THEN 'held' ELSE 'queue' END AS cause,
           count(*) AS calls, min(d.partition_at) AS oldest
    FROM calls_delivery d
    WHERE d.counter_id = ANY (%(counters)s) AND d.state = {DeliveryState.WAITING}
      AND d.expires_at > %(now)s
      AND d.partition_at >= %(since)s AND d.partition_at < %(late)s
    GROUP BY 1, 2, 3
    UNION ALL
    SELECT d.counter_id, d.channel, 'final', count(*), min(d.partition_at)
    FROM calls_delivery d
    WHERE d.counter_id = ANY (%(counters)s) AND d.state = {DeliveryState.SKIPPED}
      AND d.reason = '{CALL_NOT_FINISHED}'
      AND d.partition_at >= %(since)s AND d.partition_at < %(late)s
    GROUP BY 1, 2
    UNION ALL
    SELECT d.counter_id, d.channel, 'queue', count(*), min(d.partition_at)
    FROM calls_upload u JOIN calls_delivery d ON d.upload_id = u.id
    WHERE u.counter_id = ANY (%(counters)s)
      AND u.state IN {sql_list((*TO_SEND, *MAY_HAVE_ARRIVED, UploadState.SPLITTING))}
      AND d.state = {DeliveryState.BATCHED}
      AND d.partition_at >= %(since)s AND d.partition_at < %(late)s
    GROUP BY 1, 2
) AS waiting GROUP BY 1, 2, 3 ORDER BY 5, 1, 2"""


def waiting(cabinet: Cabinet, *, now: datetime) -> list[Waiting]:
    """Return what waits longer than LATE in the counters that are on, the oldest first."""
    counters = {one.pk: one for one in counters_on(cabinet)}
    since, late = bounds(now)
    values = {"counters": list(counters), "now": now, "late": late, "since": since}
    rows = rows_of(_WAITING, values)
    blockers = named_blockers_of(counters.values(), now=now) if rows else {}
    return [
        Waiting(
            counters[pk],
            channel,
            code,
            _why(code, of_channel(counters[pk], channel, blockers[pk].sentence)),
            calls,
            oldest,
        )
        for pk, channel, code, calls, oldest in rows
    ]


def bounds(now: datetime) -> tuple[datetime, datetime]:
    """Return between which starts a call waits longer than LATE."""
    return now - LOOKED_BACK, now - LATE


def late_states() -> Collection[str]:
    """Return the display states of calls that wait to be sent."""
    return sorted(state.value for states in LATE_STATES.values() for state in states)


def counters_on(cabinet: Cabinet) -> list[Counter]:
    """Return the counters that are on, with what tells their blockers."""
    used = cabinet.counters.present().filter(enabled=True)
    return list(used.select_related("account", "goal", "callback_goal"))


def rows_of(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


def _why(code: str, blocker: str) -> str:
    if code == "held":
        return _("Отложены настройками счетчика")
    if code == "final":
        return _("Ждут итога звонка")
    return blocker or _("Ждут очереди на отправку")
