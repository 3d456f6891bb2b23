"""The tables of docs/alerts.md: what became of simulated counters."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from devtools.tools import alert_bound
from devtools.tools.alert_world import TROUBLES

#: Within so many minutes a trouble has to be told; false alarms of a counter in so many days.
WITHIN_MINUTES, MONTH = 120, 30
#: False alarms that the best possible test may have, a counter and month.
BUDGET = 1.0


@dataclass
class Result:
    """What became of the counters of one volume."""

    counters: int = 0
    #: Minutes until a trouble was told (None: never), by kind; false alarms by signal.
    told: dict[str, list[int | None]] = field(default_factory=lambda: defaultdict(list))
    false_alarms: Counter[str] = field(default_factory=Counter)
    #: Of the best possible test: its highest evidence in the time in which a drop by half has to be
    #: told, and that of each of its false alarms.
    best_told: list[float] = field(default_factory=list)
    best_false: list[float] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Add what became of other counters."""
        self.counters += other.counters
        for kind, minutes in other.told.items():
            self.told[kind] += minutes
        self.false_alarms.update(other.false_alarms)
        self.best_told += other.best_told
        self.best_false += other.best_false

    def best_share(self, days: int) -> float:
        """Return which part of the drops by half the best possible test tells in time."""
        allowed = int(BUDGET * self.counters * days / MONTH)
        highest = sorted(self.best_false, reverse=True)
        bound = highest[allowed] if allowed < len(highest) else alert_bound.LEAST
        return sum(one > bound for one in self.best_told) / max(1, len(self.best_told))


def table_of(results: Mapping[int, Result], days: int) -> str:
    """Return the rows of the document."""
    lines = [
        "| trouble | calls an hour | planted | told | within 2 h | best possible | median | p95 |",
        "| --- | --: | --: | --: | --: | --: | --: | --: |",
    ]
    for kind in TROUBLES:
        for volume, result in results.items():
            best = f"{result.best_share(days):.0%}" if kind == alert_bound.KIND else ""
            lines.append(_row(kind, volume, result.told[kind], best))
    return "\n".join([*lines, "", *_false_alarms(results, days)])


def _row(kind: str, volume: int, told: Sequence[int | None], best: str) -> str:
    known = sorted(one for one in told if one is not None)
    within = sum(one <= WITHIN_MINUTES for one in known)
    share = f"{within / len(told):.0%}" if told else "–"
    shown = [_quantile(known, part) for part in (0.5, 0.95)]
    cells = [share, best, *(f"{one} min" if one is not None else "–" for one in shown)]
    return f"| {kind} | {volume} | {len(told)} | {len(known)} | {' | '.join(cells)} |"


def _quantile(ordered: Sequence[int], part: float) -> int | None:
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else None


def _false_alarms(results: Mapping[int, Result], days: int) -> list[str]:
    names = list(dict.fromkeys(name for one in results.values() for name in one.false_alarms))
    lines = [
        f"| calls an hour | counters | {' | '.join(names)} | together |",
        f"| --: | --: | {'--: | ' * len(names)}--: |",
    ]
    for volume, result in results.items():
        months = max(1, result.counters) * days / MONTH
        rates = [result.false_alarms[name] / months for name in names]
        cells = [f"{rate:.2f}" for rate in (*rates, sum(rates))]
        lines.append(f"| {volume} | {result.counters} | {' | '.join(cells)} |")
    return lines
