"""One run of `bench/run`: the figures in turn, each printed, kept and written when it is done."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bench import figures, kept, machine, profiling, report, rounds
from bench.figure import Figure, Outcome
from bench.sizes import Sizes
from devtools.launcher.run_config import ROOT


class Session:
    """Figures of one size."""

    def __init__(self, size: Sizes, started: str, *, writes: bool) -> None:
        self.size = size
        self.started = started
        self.writes = writes
        self.revision = machine.revision()
        self.outcomes: dict[str, Outcome] = {}

    def run(self, only: Sequence[str], *, resumes: bool) -> list[str]:
        """Measure the figures, print all of them at the end, and return what failed of these.

        ``only``: keys of figures, none for all. ``resumes``: leave out those that are kept, whole
        and of this revision.
        """
        if only or resumes:
            self.outcomes = kept.read(self.size.name)
        wanted = [one for one in figures.ALL if not only or one.title.split(" ", 1)[0] in only]
        if resumes:
            wanted = [one for one in wanted if not self._has(one)]
        profiling.track("none")
        for figure in wanted:
            self._measure(figure)
        say("\n".join(["", *report.text(self._in_order(), self._machine())]))
        return [line for one in wanted for line in failures(one, self.outcomes[one.title])]

    def _has(self, figure: type[Figure]) -> bool:
        one = self.outcomes.get(figure.title)
        if one is None or one.measured is None or one.notes:
            return False
        return one.measured.revision == self.revision

    def _measure(self, figure: type[Figure]) -> None:
        say(f"{figure.title} …")
        outcome = rounds.run_or_note(
            figure(self.size), started=self.started, revision=self.revision
        )
        say("\n".join(report.brief(outcome)))
        self.outcomes[figure.title] = outcome
        kept.keep(self.size.name, self.outcomes)
        if self.writes:
            text = report.markdown(self._in_order(), self._machine())
            (ROOT / report.FILE).write_text(text, encoding="utf-8")

    def _in_order(self) -> list[Outcome]:
        """Return an outcome for each figure by its number; those not measured have a note."""
        return [
            self.outcomes.get(one.title) or Outcome(one.title, one.unit, notes=["not measured."])
            for one in sorted(figures.ALL, key=_place)
        ]

    def _machine(self) -> list[str]:
        return machine.description(self.size.name, self.started, self.revision)


def failures(figure: type[Figure], outcome: Outcome) -> list[str]:
    """Return what of the figure's required facts is not met, or was not found out."""
    required = [one for one in outcome.facts if one.is_required]
    missed = [
        f"{figure.title}: {one.title}: {one.value:g} {one.unit}, {one.goal}"
        for one in required
        if not one.is_met
    ]
    lacks = figure.required_facts - len(required)
    return [*missed, *([f"{figure.title}: not measured: {lacks}"] if lacks > 0 else [])]


def _place(figure: type[Figure]) -> int:
    """The number of a figure, as in P9; a great one for those without."""
    number = re.match(r"P(\d+) ", figure.title)
    return int(number[1]) if number else 1000


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)
