"""The hours of counters and sources as the statistics want them: counts, hours of the week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from calls.queries import hourly
from notices.baseline.judge import MAX_HOURS, Hour
from notices.kinds import Kind

HOUR = timedelta(hours=1)
SeriesKey = tuple[Kind, int]
#: A count, and the whole that it is a part of (0 for a plain count).
Counts = dict[datetime, tuple[int, int]]


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour, UTC."""
    return moment.replace(minute=0, second=0, microsecond=0)


@lru_cache(maxsize=20_000)
def slot_of(hour: datetime, zone: ZoneInfo) -> int:
    """Return the hour of the week in the zone, Monday 0:00 first."""
    local = hour.astimezone(zone)
    return local.weekday() * 24 + local.hour


def read(first: datetime, last: datetime, cabinet: int | None) -> dict[SeriesKey, Counts]:
    """Return what was counted in these hours, of one cabinet or of all."""
    found: dict[SeriesKey, Counts] = defaultdict(dict)
    for row in hourly.counter_hours(first, last, cabinet):
        found[Kind.INFLOW_LOW, row.counter_id][row.hour] = (row.received, 0)
        for kind, part, whole in (
            (Kind.SKIPPED_UP, row.skipped, row.received),
            (Kind.UNREADABLE_UP, row.unreadable, row.received),
            (Kind.REFUSED_UP, row.refused, row.in_files),
        ):
            found[kind, row.counter_id][row.hour] = (part, whole)
    for of_source in hourly.source_hours(first, last, cabinet):
        found[Kind.SOURCE_LOW, of_source.source_id][of_source.hour] = (of_source.received, 0)
    for told in hourly.link_hours(first, last, cabinet):
        counts = (told.told - told.linked, told.told)
        found[Kind.LINKED_DOWN, told.counter_id][told.hour] = counts
    return found


@dataclass(frozen=True)
class Window:
    """The hours that are judged: back from a moment, but not before ``since``."""

    until: datetime
    zone: ZoneInfo
    since: datetime | None = None

    def hours(self, counts: Counts) -> Iterator[Hour]:
        """Yield the hours, the newest first. The newest may be over in part only."""
        newest = hour_of(self.until)
        part = (self.until - newest) / HOUR
        for number in range(0 if part else 1, MAX_HOURS + 1):
            hour = newest - number * HOUR
            if self.since is not None and hour < self.since:
                return
            count, whole = counts.get(hour, (0, 0))
            yield Hour(slot_of(hour, self.zone), count, whole, part if not number else 1.0)
