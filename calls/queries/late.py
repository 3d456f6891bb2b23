"""Calls that are late on their way to Metrika, or were, with the cause, from the rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.queries.blockers import named_blockers_of
from calls.queries.freshness import CAME_LATE, DAY, ENDED, LONGEST_SEND
from calls.states import (
    CALL_NOT_FINISHED,
    MAY_HAVE_ARRIVED,
    TAKEN_UPLOADS,
    TO_SEND,
    DeliveryState,
    sql_list,
)
from counters.models import Counter

#: A call is late after so much time since its end.
LATE = timedelta(hours=1)
#: Older waiting calls have their own warnings (`calls.queries.expiry_warnings`).
LOOKED_BACK = timedelta(days=7)
#: Late files that are looked into, and late calls that are listed.
MAX_FILES, MAX_LISTED = 50, 50


@dataclass(frozen=True)
class Waiting:
    """Calls of a counter that wait longer than LATE, all for the same cause."""

    counter_id: int
    name: str
    cause: str
    calls: int
    #: When the first of them began.
    oldest: datetime


@dataclass(frozen=True)
class Arrived:
    """A call that was accepted late."""

    call_id: int
    counter_name: str
    ended_at: datetime
    accepted_at: datetime
    cause: str

    @property
    def delay(self) -> timedelta:
        """How long it took."""
        return self.accepted_at - self.ended_at


# Rows in the queue (delivery_queue_by_age), those that wait for the end of the call
# (delivery_decided), and files on their way (upload_due, upload_uncertain).
_WAITING = f"""
SELECT counter_id, cause, sum(calls)::bigint, min(oldest) FROM (
    SELECT d.counter_id, CASE WHEN d.not_before > %(now)s THEN 'held' ELSE 'queue' END AS cause,
           count(*) AS calls, min(d.partition_at) AS oldest
    FROM calls_delivery d
    WHERE d.counter_id = ANY (%(counters)s) AND d.state = {DeliveryState.WAITING}
      AND d.partition_at >= %(since)s AND d.partition_at < %(late)s
    GROUP BY 1, 2
    UNION ALL
    SELECT d.counter_id, 'final', count(*), min(d.partition_at)
    FROM calls_delivery d
    WHERE d.counter_id = ANY (%(counters)s) AND d.state = {DeliveryState.SKIPPED}
      AND d.reason = '{CALL_NOT_FINISHED}'
      AND d.partition_at >= %(since)s AND d.partition_at < %(late)s
    GROUP BY 1
    UNION ALL
    SELECT u.counter_id, 'queue', sum(u.rows), min(u.oldest_call_at)
    FROM calls_upload u
    WHERE u.counter_id = ANY (%(counters)s) AND u.oldest_call_at < %(late)s
      AND u.state IN {sql_list((*TO_SEND, *MAY_HAVE_ARRIVED))}
    GROUP BY 1
) AS waiting GROUP BY 1, 2 ORDER BY 4"""

# Files with an old call only; the last attempts that failed say why the file waited.
_ARRIVED = f"""
SELECT d.call_id, k.name, {ENDED}, u.accepted_at, c.received_at, c.updated_at, d.not_before,
       u.created_at, u.attempts, a.state_changed_at, k.access_changed_at,
       (SELECT t.error_class FROM calls_uploadattempt t
        WHERE t.upload_id = u.id AND t.error_class <> '' ORDER BY t.started_at DESC LIMIT 1)
FROM (SELECT u.* FROM calls_upload u
      WHERE u.id IN (SELECT upload_id FROM calls_uploadattempt WHERE started_at >= %(since)s)
        AND u.counter_id = ANY (%(counters)s) AND u.accepted_at >= %(day)s
        AND u.accepted_at - u.oldest_call_at > %(late)s
        AND u.state IN {sql_list(TAKEN_UPLOADS)}
      ORDER BY u.accepted_at DESC LIMIT {MAX_FILES}) AS u
JOIN calls_delivery d ON d.upload_id = u.id
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
JOIN counters_counter k ON k.id = u.counter_id
JOIN integrations_yandexaccount a ON a.id = k.account_id
WHERE u.accepted_at - {ENDED} > %(late)s AND c.received_at - c.started_at < %(came_late)s
ORDER BY u.accepted_at DESC, d.call_id DESC LIMIT {MAX_LISTED}"""


def waiting(cabinet: Cabinet, *, now: datetime) -> list[Waiting]:
    """Return what waits longer than LATE in the counters that are on, the oldest first."""
    counters = {one.pk: one for one in _counters(cabinet)}
    values = {"counters": list(counters), "now": now}
    rows = _rows(_WAITING, values | {"late": now - LATE, "since": now - LOOKED_BACK})
    blockers = named_blockers_of(counters.values(), now=now) if rows else {}
    return [
        Waiting(pk, counters[pk].name, _why(cause, blockers[pk].sentence), calls, oldest)
        for pk, cause, calls, oldest in rows
    ]


def arrived(cabinet: Cabinet, *, now: datetime) -> list[Arrived]:
    """Return the calls that were accepted late in the last day, the newest first."""
    values = {"counters": [one.pk for one in _counters(cabinet)], "late": LATE}
    values |= {"day": now - DAY, "since": now - DAY - LONGEST_SEND, "came_late": CAME_LATE}
    return [
        Arrived(call_id, name, ended_at, accepted_at, _longest(ended_at, accepted_at, *rest))
        for call_id, name, ended_at, accepted_at, *rest in _rows(_ARRIVED, values)
    ]


def _counters(cabinet: Cabinet) -> list[Counter]:
    used = cabinet.counters.present().filter(enabled=True)
    return list(used.select_related("account", "goal", "callback_goal"))


def _why(cause: str, blocker: str) -> str:
    if cause == "held":
        return _("Отложены настройками счетчика")
    if cause == "final":
        return _("Ждут итога звонка")
    return blocker or _("Ждут очереди на отправку")


def _longest(
    ended_at: datetime,
    accepted_at: datetime,
    received_at: datetime,
    updated_at: datetime,
    not_before: datetime | None,
    built_at: datetime,
    attempts: int,
    account_changed_at: datetime | None,
    access_changed_at: datetime | None,
    error: str | None,
) -> str:
    """Return the cause of the longest part of the way."""
    final_at = max(received_at, min(updated_at, built_at))
    ready_at = max(final_at, min(not_before or final_at, built_at))
    changes = [at for at in (account_changed_at, access_changed_at) if at]
    was_cut_off = any(ready_at < at <= accepted_at for at in changes)
    queue = _("Доступ к Яндексу появился позже") if was_cut_off else _("Ждал очереди на отправку")
    on_the_way = _of_error(error) if attempts > 1 or error else queue
    parts = (
        (received_at - ended_at, _("Поздно пришёл от источника")),
        (final_at - received_at, _("Ждал итога звонка")),
        (ready_at - final_at, _("Был отложен настройками счетчика")),
        (built_at - ready_at, queue),
        (accepted_at - built_at, on_the_way),
    )
    return max(parts, key=lambda part: part[0])[1]


def _of_error(error: str | None) -> str:
    words = {
        "QuotaExceeded": _("Лимит запросов Яндекса"),
        "Unreachable": _("Метрика не отвечала"),
        "TokenRejected": _("Яндекс не принимал доступ аккаунта"),
        "AccessDenied": _("Не было права на счетчик"),
    }
    return words.get(error or "", _("Отправка удалась не сразу"))


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
