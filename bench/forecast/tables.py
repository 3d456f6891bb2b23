"""The tables of docs/forecast.md, from the rows that were judged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bench.forecast.rounds import Group, Judged
from calls.forecast.causes import CAUSES, NEVER


@dataclass
class Sum:
    """Rows, those that are linked, the sum of what was forecast, and of the squared differences."""

    rows: int = 0
    linked: int = 0
    expected: float = 0.0
    squares: float = 0.0

    def add(self, one: Group) -> None:
        """Add the rows of a group."""
        self.rows += one.rows
        self.linked += one.linked
        self.expected += one.expected
        self.squares += one.squares

    @property
    def brier(self) -> float:
        """The mean squared difference between forecast and truth."""
        return self.squares / max(1, self.rows)


def summed(groups: Iterable[Group]) -> Sum:
    """Return the sum of the groups."""
    found = Sum()
    for one in groups:
        found.add(one)
    return found


def by(groups: Iterable[Group], key: Callable[[Group], str]) -> dict[str, Sum]:
    """Return the sums by a key, in its order."""
    found: defaultdict[str, Sum] = defaultdict(Sum)
    for one in groups:
        found[key(one)].add(one)
    return dict(sorted(found.items()))


def scores(found: Mapping[str, Judged]) -> str:
    """Return a line for each scenario: the Brier scores, and the proofs beside the truth."""
    lines = [
        "| scenario | calls | proved rows | wrong proofs | Brier: counters of the fit |"
        " held out | all proved rows | all calls |",
        "| --- |" + " --: |" * 7,
    ]
    for name, one in found.items():
        sent = [group for group in one.groups if group.is_sent]
        parts = [
            summed(group for group in sent if not group.is_held_out),
            summed(group for group in sent if group.is_held_out),
            summed(sent),
            summed(one.groups),
        ]
        cells = [f"{one.calls:,}", f"{one.proofs:,}", str(one.wrong_proofs)]
        cells += [f"{part.brier:.4f}" for part in parts]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def confusion(one: Judged) -> str:
    """Return the rows by forecast, cause and result, those of counters held out beside all."""
    lines = [
        "| forecast | cause | rows | linked | not linked | forecast share | linked share |"
        " linked share, held out | Brier |",
        "| --- | --- |" + " --: |" * 7,
    ]
    sent = [group for group in one.groups if group.is_sent]
    held_out = by((group for group in sent if group.is_held_out), _told)
    for key, part in by(sent, _told).items():
        value, cause = key.split(":")
        away = held_out.get(key, Sum())
        cells = [f"{part.rows:,}", f"{part.linked:,}", f"{part.rows - part.linked:,}"]
        cells += [f"{part.expected / part.rows:.3f}", f"{part.linked / part.rows:.3f}"]
        cells += [f"{away.linked / away.rows:.3f}" if away.rows else "–", f"{part.brier:.4f}"]
        lines.append(f"| {value} | `{cause}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def priors(found: Mapping[str, Judged]) -> str:
    """Return the linked share of each own cause beside the probability that the product has."""
    lines = [
        f"| cause | probability in the product | {' | '.join(f'{name}' for name in found)} |",
        "| --- | --: |" + " --: |" * len(found),
    ]
    shares = {name: by(_of_fit(one), lambda group: group.own_cause) for name, one in found.items()}
    for code in sorted({code for sums in shares.values() for code in sums}):
        cells = []
        for sums in shares.values():
            part = sums.get(code, Sum())
            cells.append(f"{part.linked / part.rows:.3f} of {part.rows:,}" if part.rows else "–")
        lines.append(f"| `{code}` | {CAUSES[code].probability} | {' | '.join(cells)} |")
    return "\n".join(lines)


def rounds(found: Mapping[str, Judged]) -> str:
    """Return the Brier score of each day: the later, the more proofs the product knows."""
    numbers = sorted({group.round for one in found.values() for group in one.groups})
    lines = [
        f"| scenario | {' | '.join(f'day {number + 1}' for number in numbers)} |",
        "| --- |" + " --: |" * len(numbers),
    ]
    for name, one in found.items():
        sent = [group for group in one.groups if group.is_sent]
        parts = [summed(g for g in sent if g.round == number) for number in numbers]
        lines.append(f"| {name} | {' | '.join(f'{part.brier:.4f}' for part in parts)} |")
    return "\n".join(lines)


def values(one: Judged) -> str:
    """Return the three forecasts beside the two results, of all calls."""
    lines = ["| forecast | linked | not linked |", "| --- | --: | --: |"]
    for value, part in by(one.groups, lambda group: group.value).items():
        lines.append(f"| {value} | {part.linked:,} | {part.rows - part.linked:,} |")
    return "\n".join(lines)


def _of_fit(one: Judged) -> list[Group]:
    return [
        group
        for group in one.groups
        if group.is_sent and not group.is_held_out and group.value != NEVER
    ]


def _told(group: Group) -> str:
    return f"{group.value}:{group.cause}"
