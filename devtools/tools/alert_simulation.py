"""Simulates the alerts and writes the table of docs/alerts.md.

    python -m devtools.tools.alert_simulation        30 days, 200 counters, about a minute

Each counter has six weeks of history, then the simulated days with each trouble once. Every ten
minutes its hours are judged as `notices.conditions.flow` does it; profiles are renewed each night.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from devtools.tools import alert_world
from devtools.tools.alert_world import HISTORY_DAYS, HOURS_OF_DAY, PARTS, SimulatedCounter, Trouble
from devtools.tools.reliability_table import put
from notices.baseline.judge import MAX_HOURS, Finding, Hour, judge_low, judge_share
from notices.baseline.profile import WEEKS, Profile, profile_of
from notices.baseline.shares import ShareProfile, share_profile_of

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
SEED, DAYS, COUNTERS = 20261129, 30, 200
#: Which signal has to tell of which trouble.
SIGNAL_OF = {"linked share": "linked share", "one source": "first source"}
#: After a trouble its alarm may need so long to end, and none that begins then is a false one.
SETTLING = 4 * PARTS
MINUTES = 60 // PARTS


@dataclass
class Result:
    """Minutes until each trouble was told (None: never), by kind and volume; false alarms."""

    told: dict[tuple[str, int], list[int | None]] = field(default_factory=lambda: defaultdict(list))
    false_alarms: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    counters: dict[int, int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class Signal:
    """One series of a counter: counts by part of an hour, by hour, and its profile."""

    name: str
    counts: Sequence[int]
    wholes: Sequence[int] | None = None
    profile: Profile | ShareProfile | None = None
    is_open: bool = False
    #: The hour in which the last alarm ended: what was before is not judged again.
    ended: int = 0

    def __post_init__(self) -> None:
        self.by_hour = _hours(self.counts)
        self.whole_by_hour = _hours(self.wholes) if self.wholes else [0] * len(self.by_hour)

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
        hour, parts = divmod(now, PARTS)
        if parts and hour > self.ended:
            begun = slice(hour * PARTS, now)
            whole = sum(self.wholes[begun]) if self.wholes else 0
            slot = alert_world.slot_of(hour)
            yield Hour(slot, sum(self.counts[begun]), whole, parts / PARTS)
        for one in range(hour - 1, max(hour - 1 - MAX_HOURS, self.ended), -1):
            slot = alert_world.slot_of(one)
            yield Hour(slot, self.by_hour[one], self.whole_by_hour[one])


def _hours(counts: Sequence[int]) -> list[int]:
    return [sum(counts[at : at + PARTS]) for at in range(0, len(counts), PARTS)]


def simulate(*, seed: int, counters: int, days: int) -> Result:
    """Return what was told, when, and how often wrongly."""
    result = Result()
    for counter in alert_world.counters(seed, counters, days):
        result.counters[counter.volume] += 1
        opened = dict(_alarms(counter))
        told: set[tuple[str, int]] = set()
        for trouble in counter.troubles:
            signal = SIGNAL_OF.get(trouble.kind, "calls")
            inside = [at for at in opened.get(signal, []) if trouble.begin <= at < trouble.end]
            minutes = (inside[0] - trouble.begin) * MINUTES if inside else None
            result.told[trouble.kind, counter.volume].append(minutes)
        told |= {(name, at) for name, moments in opened.items() for at in moments}
        result.false_alarms[counter.volume] += sum(
            not _explained(at, counter.troubles) for _name, at in told
        )
    return result


def _explained(at: int, troubles: Sequence[Trouble]) -> bool:
    return any(one.begin <= at < one.end + SETTLING for one in troubles)


def _alarms(counter: SimulatedCounter) -> Iterator[tuple[str, list[int]]]:
    """Yield each signal with the moments at which an alarm of it began."""
    calls = [sum(pair) for pair in zip(counter.first, counter.second, strict=True)]
    unlinked = [call - one for call, one in zip(calls, counter.linked, strict=True)]
    for signal in (
        Signal("calls", calls),
        Signal("first source", counter.first),
        Signal("linked share", unlinked, calls),
    ):
        yield signal.name, _moments(signal, len(calls))


def _moments(signal: Signal, end: int) -> list[int]:
    found = []
    for now in range(HISTORY_DAYS * HOURS_OF_DAY * PARTS, end):
        if now % (HOURS_OF_DAY * PARTS) == 0:
            signal.renew(now // PARTS)
        finding = signal.judge(now)
        if finding and not signal.is_open:
            found.append(now)
        if signal.is_open and not finding:
            signal.ended = now // PARTS
        signal.is_open = finding is not None
    return found


def table_of(result: Result, days: int) -> str:
    """Return the rows of the document."""
    lines = [
        "| trouble | calls an hour | planted | told | within 2 h | median | p95 | longest |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for kind in alert_world.TROUBLES:
        for volume in alert_world.VOLUMES:
            lines.append(_row(kind, volume, result.told[kind, volume]))
    lines += ["", "| calls an hour | counters | false alarms | a counter and month |"]
    lines += ["| --: | --: | --: | --: |"]
    for volume in alert_world.VOLUMES:
        count, wrong = result.counters[volume], result.false_alarms[volume]
        rate = wrong / max(1, count) * 30 / days
        lines.append(f"| {volume} | {count} | {wrong} | {rate:.2f} |")
    return "\n".join(lines)


def _row(kind: str, volume: int, told: Sequence[int | None]) -> str:
    known = sorted(one for one in told if one is not None)
    within = sum(one <= 120 for one in known)
    share = f"{within / len(told):.0%}" if told else "–"
    shown = [_quantile(known, part) for part in (0.5, 0.95, 1.0)]
    cells = [f"{one} min" if one is not None else "–" for one in shown]
    return f"| {kind} | {volume} | {len(told)} | {len(known)} | {share} | {' | '.join(cells)} |"


def _quantile(ordered: Sequence[int], part: float) -> int | None:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def main() -> None:
    """Simulate and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counters", type=int, default=COUNTERS)
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--print", action="store_true", help="print the table, write no document")
    given = parser.parse_args()
    result = simulate(seed=given.seed, counters=given.counters, days=given.days)
    table = table_of(result, given.days)
    print(table)
    if not given.print:
        document = DOCUMENT.read_text(encoding="utf-8")
        DOCUMENT.write_text(put(document, "alerts", table), encoding="utf-8")


if __name__ == "__main__":
    main()
