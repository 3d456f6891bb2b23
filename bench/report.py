"""The figures as tables of Markdown, for the terminal and for `docs/performance.md`."""

from __future__ import annotations

from collections.abc import Sequence

from bench.figure import Contender, Fact, Outcome, Run
from bench.limits import LIMITS
from bench.profiling import Profile

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

Product, floor and naive peer take turns; a rate is the median of the rounds, at least three. Where
three rounds of the whole amount would take hours, the rounds do less, and one run of the whole
amount stands beside them among the other figures («at once, one run»). The naive peer does at most
20,000 units a round: its rate does not depend on the amount. Ratios are given of wall time and,
behind the stroke, of processor time: user and system time of every process, the sessions of
PostgreSQL included. Where the two differ much, the machine was busy with something else, or the
disk was waited for. Rates of different runs are not comparable, ratios of one run are.

The p95 of a page is of 40 views of the slowest page of its group, after one that is not counted, in
a process whose modules the garbage collector does not visit, as in the web server's.

A figure that misses a goal does the product's work once more under a profile: the functions of
Python with the most time of their own, and the statements that took PostgreSQL the longest, of all
sessions. A profile makes Python slower, up to twice, and PostgreSQL hardly.

`bench/run --only P1,P7` measures some figures again and takes the others from the results kept in
`.data/bench/`; `--resume` goes on after a run that was stopped. The last table says of what run
each figure is.
"""


def markdown(outcomes: Sequence[Outcome], machine: Sequence[str]) -> str:
    """Return the whole paper."""
    return "\n".join([ABOUT, *text(outcomes, machine), ""])


def text(outcomes: Sequence[Outcome], machine: Sequence[str]) -> list[str]:
    """Return the parts of the paper that are of its run."""
    parts = {
        "Machine": [*(f"* {line}" for line in machine), f"* {_runs(outcomes)}"],
        "Rates": rates(outcomes),
        "Other figures": facts(outcomes),
        "Goals missed": missed(outcomes),
        "Not measured": notes(outcomes),
        "Seconds and load of each figure": spent(outcomes),
    }
    return "\n".join(
        "\n".join([f"## {title}", "", *lines, ""]) for title, lines in parts.items()
    ).splitlines()


def brief(one: Outcome) -> list[str]:
    """Return the lines about one figure that are printed when it is done."""
    seconds = f"{one.measured.seconds:.0f} s ({one.measured.cpu:.0f} s CPU)" if one.measured else ""
    rate = [f"  {_rate(one)}"] if one.runs else []
    found = [f"  {_fact(one.title, fact)}" for fact in one.facts]
    return [f"{one.title}: {seconds}", *rate, *found, *(f"  {note}" for note in one.notes)]


def _runs(outcomes: Sequence[Outcome]) -> str:
    """Return whether all figures are of one run; see the last table for which is of which."""
    runs = {(one.measured.run, one.measured.revision) for one in outcomes if one.measured}
    if len(runs) <= 1:
        return "All figures are of one run."
    return f"The figures are of {len(runs)} runs, which the last table names."


def spent(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of how long each figure took, with all it prepares, and of its run."""
    lines = [
        "| figure | seconds | of CPU | load before, after | run (UTC) | revision |",
        "| --- | ---: | ---: | --- | --- | --- |",
    ]
    for one in outcomes:
        if one.measured is not None:
            load = f"{one.measured.load_before:.1f}, {one.measured.load_after:.1f}"
            seconds = (f"{one.measured.seconds:.0f}", f"{one.measured.cpu:.0f}")
            cells = [one.title, *seconds, load, one.measured.run]
            lines.append(f"| {' | '.join(cells)} | `{one.measured.revision}` |")
    return lines


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
    cells += [_goal(one.goal_naive), "" if one.is_met is None else _yes(one.is_met)]
    return f"| {' | '.join(cells)} |"


def facts(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the table of the other figures."""
    lines = ["| figure | what | value | goal | met |", "| --- | --- | ---: | ---: | --- |"]
    return lines + [_fact(one.title, fact) for one in outcomes for fact in one.facts]


def _fact(title: str, fact: Fact) -> str:
    met = _yes(fact.is_met) if fact.goal else ""
    return f"| {title} | {fact.title} | {_number(fact.value)} {fact.unit} | {fact.goal} | {met} |"


def missed(outcomes: Sequence[Outcome]) -> list[str]:
    """Return for each figure with a missed goal what limits it, and the profiles of its work."""
    lines = []
    for one in outcomes:
        what = ["the rates"] if one.is_met is False else []
        what += [fact.title for fact in one.facts if not fact.is_met]
        if what:
            lines += [f"### {one.title}", "", f"Missed: {', '.join(what)}."]
            lines += [LIMITS[one.key]] if one.key in LIMITS else []
            lines += [line for profile in one.profiles for line in _profile(profile)]
            lines += [""]
    return lines[:-1] or ["None."]


def _profile(profile: Profile) -> list[str]:
    """Return a sentence and a table: the dearest functions of Python and statements of SQL."""
    waited = 100 * profile.waited / max(profile.seconds, 1e-9)
    sentence = (
        f"Profile of {profile.title}: {_number(profile.seconds)} s under cProfile for"
        f" {_number(profile.units)} units; {waited:.0f} % of them waits for PostgreSQL, whose"
        f" statements took {_number(profile.executed)} s to run and"
        f" {_number(profile.planned)} s to plan."
    )
    table = ["| own seconds | calls | function or statement |", "| ---: | ---: | --- |"]
    for cost in (*profile.functions, *profile.statements):
        table.append(f"| {_number(cost.seconds)} | {cost.calls:,} | `{_cell(cost.what)}` |")
    return ["", sentence, "", *table]


def _cell(words: str) -> str:
    return words.replace("|", "¦").replace("`", "'")


def notes(outcomes: Sequence[Outcome]) -> list[str]:
    """Return what could not be measured, and why."""
    found = [f"* {one.title}: {note}" for one in outcomes for note in one.notes]
    return found or ["Nothing is missing."]


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
