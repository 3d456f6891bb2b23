"""Sums of calls and of rows of the ledger for the statistics of a cabinet or of one counter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from cabinets.models import Cabinet
from calls.models import Call, Delivery
from calls.states import Channel
from calls.summary import read
from calls.summary.read import Period
from counters.models import Counter

Key = TypeVar("Key")


@dataclass
class Sums:
    """Calls, and what is averaged over them."""

    calls: int = 0
    missed: int = 0
    talk_seconds: int = 0
    with_hold: int = 0
    hold_seconds: int = 0

    @property
    def answered(self) -> int:
        """Calls that were not missed."""
        return self.calls - self.missed

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row of `calls_of`."""
        self.calls += row["calls"]
        self.missed += row["missed"]
        self.talk_seconds += row["talk_seconds"]
        self.with_hold += row["with_hold"]
        self.hold_seconds += row["hold_seconds"]


def calls_of(
    cabinet: Cabinet, period: Period, counter: Counter | None, *, by: Sequence[str]
) -> list[dict[str, Any]]:
    """Return sums by `day`, `kind` or `hour_of_day`; hours are the dearest, for days are stored.

    Of a counter its rows are counted, of the channel of calls, or of the goal if it has no other:
    a call has one row in each.
    """
    if counter is None:
        return read.calls(cabinet, period, by=by)
    rows = read.deliveries(cabinet, period, by=("channel", *by), counters=[counter.pk])
    channels = {row["channel"] for row in rows}
    one = Channel.CALLS if Channel.CALLS in channels else Channel.GOAL
    return [row | {"calls": row["deliveries"]} for row in rows if row["channel"] == one]


def lacks_data(cabinet: Cabinet, period: Period, counter: Counter | None) -> date | None:
    """Return the day of the first call when the period begins before it, else None.

    One row of an index (call_by_cabinet, delivery_by_counter).
    """
    starts: Any = (
        Delivery.objects.filter(counter=counter).values_list("partition_at", flat=True)
        if counter
        else Call.objects.filter(cabinet=cabinet).values_list("started_at", flat=True)
    )
    first = starts.order_by("partition_at" if counter else "started_at").first()
    day: date | None = first.astimezone(period.zone).date() if first else None
    return day if day and day > period.first else None


def rows_of(cabinet: Cabinet, period: Period, counter: Counter | None) -> list[dict[str, Any]]:
    """Return sums of rows of the ledger by counter, channel, display state and reason."""
    by = ("counter_id", "channel", "shown", "reason")
    return read.deliveries(cabinet, period, by=by, counters=[counter.pk] if counter else None)


def grouped(
    rows: Iterable[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], Key]
) -> dict[Key, Sums]:
    """Return the sums of the rows by a key."""
    found: dict[Key, Sums] = defaultdict(Sums)
    for row in rows:
        found[key(row)].add(row)
    return dict(found)


def total(rows: Iterable[Mapping[str, Any]]) -> Sums:
    """Return the sums of all rows."""
    return grouped(rows, lambda _row: None).get(None, Sums())


def counted(
    rows: Iterable[Mapping[str, Any]], key: Callable[[Mapping[str, Any]], Key]
) -> dict[Key, int]:
    """Return how many rows of the ledger there are by a key, the most frequent first."""
    found: dict[Key, int] = defaultdict(int)
    for row in rows:
        found[key(row)] += row["deliveries"]
    return dict(sorted(found.items(), key=lambda one: -one[1]))
