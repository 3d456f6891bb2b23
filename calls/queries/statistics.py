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
_BY = ("counter_id", "channel", "shown", "reason")
#: The sums of rows of the ledger that are used.
_ROW_SUMS = ("deliveries", "link_told", "linked")


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
    return _of_one_channel(_calls(cabinet, period, counter, by))


def calls_of_both(
    cabinet: Cabinet, before: Period | None, period: Period, counter: Counter | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the sums by `day` and `kind` of a period, and of one that ends before it; one query.

    ``before``: adjacent to the period; None for no sums of it.
    """
    first = before.first if before else period.first
    both = Period(first, period.last, period.zone)
    rows = _calls(cabinet, both, counter, ("day", "kind"))
    now = [row for row in rows if row["day"] >= period.first]
    then = [row for row in rows if row["day"] < period.first]
    return _of_one_channel(now), _of_one_channel(then)


def _calls(
    cabinet: Cabinet, period: Period, counter: Counter | None, by: Sequence[str]
) -> list[dict[str, Any]]:
    if counter is None:
        return read.calls(cabinet, period, by=by)
    rows = read.deliveries(cabinet, period, by=("channel", *by), counters=[counter.pk])
    return [row | {"calls": row["deliveries"]} for row in rows]


def _of_one_channel(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a counter in the channel of calls, or of the goal if it has no other."""
    channels = {row["channel"] for row in rows if "channel" in row}
    one = Channel.CALLS if Channel.CALLS in channels else Channel.GOAL
    return [row for row in rows if row.get("channel", one) == one]


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
    counters = [counter.pk] if counter else None
    return read.deliveries(cabinet, period, by=_BY, counters=counters, sums=_ROW_SUMS)


def without(
    rows: Iterable[Mapping[str, Any]], some: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return rows of `rows_of` less some of their own, such as those of one day."""
    found = {_key(row): row for row in some}
    left = []
    for row in rows:
        less = found.get(_key(row), {})
        sums = {name: row[name] - less.get(name, 0) for name in _ROW_SUMS}
        left.append({**row, **sums})
    return [row for row in left if row["deliveries"]]


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in _BY)


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
