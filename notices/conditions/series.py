"""The hours of counters and sources as the statistics want them: counts, hours of the week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from calls.queries import hourly
from notices.baseline.judge import Hour
from notices.kinds import Kind

HOUR, PART = timedelta(hours=1), timedelta(minutes=10)
SeriesKey = tuple[Kind, int]
#: A count, and the whole that it is a part of (0 for a plain count).
Counts = dict[datetime, tuple[int, int]]
Series = dict[SeriesKey, Counts]


def hour_of(moment: datetime) -> datetime:
    """Return the beginning of the hour, UTC."""
    return moment.replace(minute=0, second=0, microsecond=0)


@lru_cache(maxsize=20_000)
def slot_of(hour: datetime, zone: ZoneInfo) -> int:
    """Return the hour of the week in the zone, Monday 0:00 first."""
    local = hour.astimezone(zone)
    return local.weekday() * 24 + local.hour


def read(first: datetime, last: datetime, cabinet: int | None) -> Series:
    """Return what was counted in these hours, of one cabinet or of all."""
    return _series(
        hourly.counter_hours(first, last, cabinet),
        hourly.source_hours(first, last, cabinet),
        hourly.link_hours(first, last, cabinet),
    )


def read_parts(first: datetime, last: datetime) -> Series:
    """Return what was counted by ten minutes, of all cabinets."""
    return _series(
        hourly.counter_parts(first, last),
        hourly.source_parts(first, last),
        hourly.link_parts(first, last),
    )


def _series(
    counters: Iterable[hourly.CounterHour],
    sources: Iterable[hourly.SourceHour],
    links: Iterable[hourly.LinkHour],
) -> Series:
    found: Series = defaultdict(dict)
    for row in counters:
        found[Kind.INFLOW_LOW, row.counter_id][row.hour] = (row.received, 0)
        for kind, part, whole in (
            (Kind.SKIPPED_UP, row.skipped, row.received),
            (Kind.UNREADABLE_UP, row.unreadable, row.received),
            (Kind.REFUSED_UP, row.refused, row.in_files),
        ):
            found[kind, row.counter_id][row.hour] = (part, whole)
    for of_source in sources:
        found[Kind.SOURCE_LOW, of_source.source_id][of_source.hour] = (of_source.received, 0)
    for told in links:
        counts = (told.told - told.linked, told.told)
        found[Kind.LINKED_DOWN, told.counter_id][told.hour] = counts
    return found


def part_of(moment: datetime) -> datetime:
    """Return the beginning of the ten minutes."""
    return moment.replace(minute=moment.minute // 10 * 10, second=0, microsecond=0)


@dataclass(frozen=True)
class Window:
    """The hours that are judged: back from a moment, but not before ``since``.

    Those from ``parts_since`` on in parts of ten minutes.
    """

    until: datetime
    zone: ZoneInfo
    parts_since: datetime
    since: datetime | None = None

    @property
    def end(self) -> datetime:
        """The end of the newest hour, or part of one, that is judged."""
        newest = part_of(self.until)
        return newest if newest >= self.parts_since else hour_of(newest)

    def hours(self, counts: Counts, parts: Counts) -> Iterator[Hour]:
        """Yield the hours, the newest first. Of one that is not over, only its whole parts."""
        moment = self.end
        while True:
            is_part = moment > self.parts_since
            moment -= PART if is_part else HOUR
            if self.since is not None and moment < self.since:
                return
            count, whole = (parts if is_part else counts).get(moment, (0, 0))
            yield Hour(
                slot_of(hour_of(moment), self.zone), count, whole, PART / HOUR if is_part else 1.0
            )
