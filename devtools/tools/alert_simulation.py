"""Simulates the alerts and writes the tables of docs/alerts.md.

    python -m devtools.tools.alert_simulation        200 counters, two seeds; a minute or two

Each counter has six weeks of history, then the simulated days with each trouble once. Every ten
minutes its hours are judged as `notices.conditions.flow` does it; profiles are renewed each night.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devtools.tools import alert_bound, alert_table, alert_world
from devtools.tools.alert_table import Result
from devtools.tools.alert_world import (
    HISTORY_DAYS,
    ONE_SOURCE,
    PARTS,
    PARTS_OF_DAY,
    VOLUMES,
    SimulatedCounter,
    Trouble,
)
from devtools.tools.reliability_table import put
from notices.baseline.judge import MAX_HOURS, Finding, Hour, judge_low, judge_share
from notices.baseline.profile import WEEKS, Profile, profile_of
from notices.baseline.shares import ShareProfile, share_profile_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
SEEDS, DAYS, COUNTERS = (1, 2), 30, 200
CALLS, SOURCE = "calls", "first source"
#: Calls of the last ten minutes are not missed yet; of results of Metrika nothing is on its way.
GRACE_PARTS = 1
WITHOUT_GRACE = "linked share"
#: Hours that are read in parts, before the one that is not over.
FINE_HOURS = 3
#: After a trouble its alarm may need so long to end, and none that begins then is a false one.
SETTLING = 4 * PARTS
MINUTES = 60 // PARTS


@dataclass
class Signal:
    """One series of a counter: counts by part of an hour, by hour, and its profile."""

    counts: Sequence[int]
    wholes: Sequence[int] | None = None
    grace: int = GRACE_PARTS
    profile: Profile | ShareProfile | None = None
    is_open: bool = False
    #: The hour in which the last alarm ended: what was before is not judged again.
    ended: int = 0

    def __post_init__(self) -> None:
        wholes = self.wholes or [0] * len(self.counts)
        self.by_hour, self.whole_by_hour = _hours(self.counts), _hours(wholes)
        self.parts = [
            Hour(alert_world.slot_of(place // PARTS), came, whole, 1 / PARTS)
            for place, (came, whole) in enumerate(zip(self.counts, wholes, strict=True))
        ]
        self.hours = [
            Hour(alert_world.slot_of(place), came, whole)
            for place, (came, whole) in enumerate(
                zip(self.by_hour, self.whole_by_hour, strict=True)
            )
        ]

    def renew(self, hour: int) -> None:
        """Compute the profile of the weeks before the hour."""
        past = range(max(0, hour - WEEKS * alert_world.SLOTS), hour)
        slots = [alert_world.slot_of(one) for one in past]
        counts = self.by_hour[past.start : past.stop]
        if self.wholes is None:
            self.profile = profile_of(slots, counts)
        else:
            wholes = self.whole_by_hour[past.start : past.stop]
            self.profile = share_profile_of(slots, counts, wholes)

    def judge(self, now: int) -> Finding | None:
        """Judge at the beginning of this part of an hour."""
        hours = self._last_hours(now)
        if isinstance(self.profile, Profile):
            return judge_low(hours, self.profile, is_open=self.is_open)
        if isinstance(self.profile, ShareProfile):
            return judge_share(hours, self.profile, is_open=self.is_open)
        return None

    def _last_hours(self, now: int) -> Iterator[Hour]:
        first = max(now // PARTS - FINE_HOURS, self.ended + 1)
        yield from reversed(self.parts[first * PARTS : now - self.grace])
        yield from reversed(self.hours[max(first - MAX_HOURS, self.ended + 1) : first])


def _hours(counts: Sequence[int]) -> list[int]:
    return [sum(counts[at : at + PARTS]) for at in range(0, len(counts), PARTS)]


def simulate(
    *, seeds: Sequence[int], counters: int, days: int, workers: int = 1
) -> dict[int, Result]:
    """Return what was told, when, and how often wrongly, by calls an hour."""
    work = [(seed, number, days) for seed in seeds for number in range(counters)]
    found = {volume: Result() for volume in VOLUMES}
    if workers == 1:
        results = map(of_counter, work)
        return _added(found, results)
    with ProcessPoolExecutor(workers) as pool:
        return _added(found, pool.map(of_counter, work, chunksize=5))


def _added(found: dict[int, Result], results: Iterable[tuple[int, Result]]) -> dict[int, Result]:
    for volume, result in results:
        found[volume].add(result)
    return found


def of_counter(work: tuple[int, int, int]) -> tuple[int, Result]:
    """Simulate one counter: (seed, number, days)."""
    seed, number, days = work
    counter = alert_world.counter_of(seed, number, days)
    result = Result(counters=1)
    opened = {name: _moments(signal, len(counter.calls)) for name, signal in _signals(counter)}
    for trouble in counter.troubles:
        moments = opened[_signal_of(trouble.kind)]
        inside = [at for at in moments if trouble.begin <= at < trouble.end]
        minutes = (inside[0] - trouble.begin) * MINUTES if inside else None
        result.told[trouble.kind].append(minutes)
    for name, moments in opened.items():
        wrong = [at for at in moments if not _explained(at, counter.troubles)]
        result.false_alarms[name] += len(wrong)
    _add_best(result, counter)
    return counter.volume, result


def _signals(counter: SimulatedCounter) -> Iterator[tuple[str, Signal]]:
    yield CALLS, Signal(counter.calls)
    yield SOURCE, Signal(counter.first)
    for name, bad in counter.bad.items():
        yield name, Signal(bad, counter.calls, 0 if name == WITHOUT_GRACE else GRACE_PARTS)


def _signal_of(kind: str) -> str:
    """Return which signal has to tell of the trouble."""
    if kind in alert_world.DROPS:
        return CALLS
    return SOURCE if kind == ONE_SOURCE else kind


def _explained(at: int, troubles: Sequence[Trouble]) -> bool:
    return any(one.begin <= at < one.end + SETTLING for one in troubles)


def _moments(signal: Signal, end: int) -> list[int]:
    """Return the moments at which an alarm began."""
    found = []
    for now in range(HISTORY_DAYS * PARTS_OF_DAY, end):
        if now % PARTS_OF_DAY == 0:
            signal.renew(now // PARTS)
        finding = signal.judge(now)
        if finding and not signal.is_open:
            found.append(now)
        if signal.is_open and not finding:
            signal.ended = now // PARTS
        signal.is_open = finding is not None
    return found


def _add_best(result: Result, counter: SimulatedCounter) -> None:
    """Add what the best possible test finds."""
    begin = HISTORY_DAYS * PARTS_OF_DAY
    found = alert_bound.evidence(counter, GRACE_PARTS)
    for trouble in counter.troubles:
        if trouble.kind == alert_bound.KIND:
            first = trouble.begin - begin
            result.best_told.append(max(found[first : first + alert_bound.WITHIN + 1]))
    highest = alert_bound.NONE
    for at, one in enumerate(found, start=begin):
        if one > alert_bound.LEAST and not _explained(at, counter.troubles):
            highest = max(highest, one)
        elif highest > alert_bound.NONE:
            result.best_false.append(highest)
            highest = alert_bound.NONE


def main() -> None:
    """Simulate and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counters", type=int, default=COUNTERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--print", action="store_true", help="print the tables, write no document")
    given = parser.parse_args()
    found = simulate(
        seeds=given.seeds, counters=given.counters, days=given.days, workers=given.workers
    )
    table = alert_table.table_of(found, given.days)
    print(table)
    if not given.print:
        document = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(put(document, "alerts", table), encoding="utf-8")


if __name__ == "__main__":
    main()
