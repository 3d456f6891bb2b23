"""The figures as tables of Markdown, for the terminal and for `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figure import Contender, Fact, Outcome, Run
from bench.limits import LIMITS

FILE = "docs/performance.md"
#: In the order of the columns.
CONTENDERS: tuple[Contender, ...] = ("floor", "naive", "product")
ABOUT = """# Performance

Written by `bench/run --write`; the numbers are of one run. A floor does the same durable work with
the least that it needs: `COPY FROM` of the very rows that the product stored, into the same
partitioned tables with the same indexes; `COPY TO` of the same values; for a single call a WSGI
application behind the same web server that stores the same rows by one statement of psycopg2;
`curl -F` of the same bytes. The naive peer (`bench/naive/`) is a Django project as one writes it
first, on ordinary tables of its own: `bulk_create` where many calls come at once, objects one by
one where calls come one by one, a task and a request a call, CSV from model objects.

Product, floor and naive peer take turns; a rate is the median of the rounds. Ratios are given of
wall time and, behind the stroke, of processor time: user and system time of every process, the
sessions of PostgreSQL included. Where the two differ much, the machine was busy with something
else, or the disk was waited for. Rates of different runs are not comparable, ratios of one run
are.
"""


def markdown(outcomes: Sequence[Outcome], machine: Sequence[str]) -> str:
    """Return the whole paper."""
    return "\n".join(
        [
            ABOUT,
            "## Machine",
            "",
            *(f"* {line}" for line in machine),
            "",
            "## Rates",
            "",
            *rates(outcomes),
            "",
            "## Other figures",
            "",
            *facts(outcomes),
            "",
            "## Goals missed",
            "",
            *missed(outcomes),
            *notes(outcomes),
            "",
        ]
    )


def rates(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of rates, a line a figure."""
    lines = [
        "| figure | unit | floor | naive | product | ÷ floor wall / CPU | goal |"
        " × naive wall / CPU | goal | met |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    return lines + [_rate(one) for one in outcomes if one.runs]


def _rate(one: Outcome) -> str:
    cells = [
        one.title,
        one.unit,
        *(_number(one.rate(who)) for who in CONTENDERS),
    ]
    cells += [_ratios(one, "floor"), _goal(one.goal_floor), _ratios(one, "naive")]
    cells += [_goal(one.goal_naive), "" if is_met(one) is None else _yes(bool(is_met(one)))]
    return f"| {' | '.join(cells)} |"


def is_met(one: Outcome) -> bool | None:
    """Whether the ratios of wall time reach their goals; None without goals."""
    pairs: tuple[tuple[float | None, Contender], ...] = (
        (one.goal_floor, "floor"),
        (one.goal_naive, "naive"),
    )
    judged = [
        ratio >= goal
        for goal, who in pairs
        if goal is not None and (ratio := one.ratio(who, _wall)) is not None
    ]
    return all(judged) if judged else None


def facts(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of the other figures."""
    lines = ["| figure | what | value | goal | met |", "| --- | --- | ---: | ---: | --- |"]
    return lines + [_fact(one.title, fact) for one in outcomes for fact in one.facts]


def _fact(title: str, fact: Fact) -> str:
    met = _yes(fact.is_met) if fact.goal else ""
    return f"| {title} | {fact.title} | {_number(fact.value)} {fact.unit} | {fact.goal} | {met} |"


def missed(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line for each missed goal, with what limits it."""
    lines = []
    for one in outcomes:
        what = ["the rates"] if is_met(one) is False else []
        what += [fact.title for fact in one.facts if not fact.is_met]
        if what:
            limit = LIMITS.get(one.title.split(" ", 1)[0], "not looked into yet")
            lines.append(f"* {one.title}: {', '.join(what)}. What limits it: {limit}.")
    return lines or ["None."]


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what could not be measured, and why."""
    found = [f"* {one.title}: {note}" for one in outcomes for note in one.notes]
    return ["", "## Not measured", "", *found] if found else []


def _ratios(one: Outcome, who: Contender) -> str:
    wall = one.ratio(who, _wall)
    if wall is None:
        return ""
    return f"{wall:.2f} / {one.ratio(who, _cpu):.2f}"


def _wall(run: Run) -> float:
    return run.rate


def _cpu(run: Run) -> float:
    return run.cpu_rate


def _goal(ratio: float | None) -> str:
    return "" if ratio is None else f"≥ {ratio:g}"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _yes(is_met: bool) -> str:
    return "yes" if is_met else "**no**"
