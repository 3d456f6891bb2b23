"""Calls that Metrika accepted late, with the longest part of their way and what explains it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.queries.freshness import CAME_LATE, DAY, ENDED, LONGEST_SEND
from calls.queries.late import LATE, counters_on, rows_of
from calls.queries.late_events import Event, events_of, latest_in
from calls.states import TAKEN_UPLOADS, sql_list
from counters.models import Counter

#: Late files that are looked into, and late rows of the ledger that are listed.
MAX_FILES, MAX_LISTED = 50, 50


@dataclass(frozen=True)
class Arrived:
    """A call that a counter's Metrika accepted late, in one channel or in several."""

    call_id: int
    counter_name: str
    channels: tuple[int, ...]
    ended_at: datetime
    #: Its end, or its arrival if the source sent it later than `CAME_LATE`.
    counted_from: datetime
    accepted_at: datetime
    cause: str
    #: How long the part took that the cause explains.
    part: timedelta

    @property
    def delay(self) -> timedelta:
        """How long it took."""
        return self.accepted_at - self.counted_from


class _Way(NamedTuple):
    """The moments of a row's way, and the last error of its file."""

    call_id: int
    counter_id: int
    channel: int
    ended_at: datetime
    counted_from: datetime
    accepted_at: datetime
    received_at: datetime
    updated_at: datetime
    decided_at: datetime
    not_before: datetime | None
    built_at: datetime
    attempts: int
    error: str | None

    @property
    def final_at(self) -> datetime:
        """When the record had its last values."""
        return max(self.received_at, min(self.updated_at, self.built_at))

    @property
    def allowed_at(self) -> datetime:
        """When it was decided to be sent."""
        # It waited before: a later decision only repeats that it is to be sent.
        is_repeated = self.not_before is not None and self.not_before < self.decided_at
        return self.final_at if is_repeated else self._clamped(self.decided_at, self.final_at)

    @property
    def ready_at(self) -> datetime:
        """When it could be in a file."""
        allowed_at = self.allowed_at
        return self._clamped(self.not_before or allowed_at, allowed_at)

    def _clamped(self, at: datetime, first: datetime) -> datetime:
        return max(first, min(at, self.built_at))


# Files with an old call, of the attempts of that time.
_FILES = f"""
SELECT u.id FROM calls_upload u
WHERE u.id IN (SELECT upload_id FROM calls_uploadattempt WHERE started_at >= %(since)s)
  AND u.counter_id = ANY (%(counters)s) AND u.accepted_at >= %(day)s
  AND u.accepted_at - u.oldest_call_at > %(late)s
  AND u.state IN {sql_list(TAKEN_UPLOADS)}
ORDER BY u.accepted_at DESC LIMIT {MAX_FILES}"""

# A source that sent a call much later is no delay of ours; what came after its arrival is one.
_COUNTED_FROM = f"""(CASE WHEN c.received_at - c.started_at < %(came_late)s THEN {ENDED}
                           ELSE c.received_at END)"""

# The last attempt that failed says why the file waited.
_ARRIVED = f"""
SELECT d.call_id, d.counter_id, d.channel, {ENDED}, {_COUNTED_FROM}, u.accepted_at,
       c.received_at, c.updated_at,
       d.decided_at, d.not_before, u.created_at, u.attempts,
       (SELECT t.error_class FROM calls_uploadattempt t
        WHERE t.upload_id = u.id AND t.error_class <> '' ORDER BY t.started_at DESC LIMIT 1)
FROM calls_upload u
JOIN calls_delivery d ON d.upload_id = u.id
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
WHERE u.id = ANY (%(files)s)
  AND u.accepted_at - {_COUNTED_FROM} > %(late)s
ORDER BY u.accepted_at DESC, d.call_id DESC, d.counter_id, d.channel LIMIT {MAX_LISTED}"""


def arrived(cabinet: Cabinet, *, now: datetime) -> tuple[list[Arrived], bool]:
    """Return the calls that were accepted late in the last day, the newest first.

    A call has one entry a counter. The second value: whether there may be more.
    """
    counters = {one.pk: one for one in counters_on(cabinet)}
    values = {"counters": list(counters), "late": LATE, "day": now - DAY}
    values |= {"since": now - DAY - LONGEST_SEND, "came_late": CAME_LATE}
    files = [pk for (pk,) in rows_of(_FILES, values)]
    found = [_Way(*row) for row in rows_of(_ARRIVED, values | {"files": files})] if files else []
    since = min((one.counted_from for one in found), default=now)
    events = events_of(list(counters.values()), since, now) if found else {}
    entries: dict[tuple[int, int], Arrived] = {}
    for way in found:
        one = _arrived(way, counters[way.counter_id], events.get(way.counter_id, []))
        other = entries.get((way.call_id, way.counter_id))
        entries[way.call_id, way.counter_id] = _later(other, one) if other else one
    return list(entries.values()), len(files) == MAX_FILES or len(found) == MAX_LISTED


def _later(one: Arrived, other: Arrived) -> Arrived:
    """Return the entry of both channels: the later one tells the time and the cause."""
    last = max(one, other, key=lambda entry: entry.accepted_at)
    return replace(last, channels=(*one.channels, *other.channels))


def _arrived(way: _Way, counter: Counter, events: Sequence[Event]) -> Arrived:
    part, cause = _longest(way, events)
    moments = (way.ended_at, way.counted_from, way.accepted_at)
    return Arrived(way.call_id, counter.name, (way.channel,), *moments, cause, part)


def _longest(way: _Way, events: Sequence[Event]) -> tuple[timedelta, str]:
    """Return the longest part of the way and its cause."""
    event = latest_in(events, way.ready_at, way.accepted_at)
    failed = words_of_error(way.error) or _("Отправка удалась не сразу")
    on_the_way = failed if way.attempts > 1 or way.error else event or _sent_later(way)
    parts = (
        (way.received_at - way.counted_from, _("Поздно пришёл от источника")),
        (way.final_at - way.received_at, _("Ждал итога звонка")),
        (
            way.allowed_at - way.final_at,
            _("Отправка разрешена позже: новыми настройками, счетчиком или вашим заказом"),
        ),
        (way.ready_at - way.allowed_at, _("Был отложен настройками счетчика")),
        (way.built_at - way.ready_at, event or _built_later(way)),
        (way.accepted_at - way.built_at, on_the_way),
    )
    return max(parts, key=lambda part: part[0])


def _built_later(way: _Way) -> str:
    text = _("Ждал очереди: мог уйти с %(ready)s, собран в файл %(built)s")
    return text % {"ready": _moment(way.ready_at), "built": _moment(way.built_at)}


def _sent_later(way: _Way) -> str:
    text = _("Ждал очереди: файл собран %(built)s, принят с первой попытки %(accepted)s")
    return text % {"built": _moment(way.built_at), "accepted": _moment(way.accepted_at)}


def _moment(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E, H:i")


def words_of_error(error: str | None) -> str:
    """Return what an attempt failed by; '' for errors that mean nothing to a customer."""
    words = {
        "QuotaExceeded": _("Лимит запросов Яндекса"),
        "Unreachable": _("Метрика не отвечала"),
        "TokenRejected": _("Яндекс не принимал доступ аккаунта"),
        "AccessDenied": _("Не было права на счетчик"),
    }
    return words.get(error or "", "")
