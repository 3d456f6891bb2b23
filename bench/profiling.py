"""Where the time of the product goes: functions of Python and statements of PostgreSQL."""

from __future__ import annotations

import cProfile
import pstats
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.world import execute, rows, scalar
from devtools.launcher.run_config import ROOT

#: Lines of each of the two tables.
LINES = 6
#: Characters of a statement that are shown.
STATEMENT = 90
RELOAD_SECONDS = 5
EXTENSION = "pg_stat_statements"


@dataclass(frozen=True)
class Cost:
    """A function or a statement, how often it was called, and the seconds of its own."""

    what: str
    calls: int
    seconds: float


@dataclass(frozen=True)
class Profile:
    """The dearest functions and statements of some work, done once more under a profile.

    The profile itself makes functions of Python slower, up to twice; statements hardly.
    """

    title: str
    units: float
    seconds: float
    #: Seconds in which this process waited for PostgreSQL.
    waited: float
    #: Seconds that all statements took to run and to be planned, of every session.
    executed: float
    planned: float
    functions: list[Cost]
    statements: list[Cost]


def profile_of(work: Callable[[], float], title: str) -> Profile:
    """Do the work, which returns its number of units, under a profile.

    Of this process the calling thread alone; statements of every session. No statements without
    `pg_stat_statements`, which the servers of `bench/run` have.
    """
    profiler = cProfile.Profile()
    with _statements_tracked() as is_tracked:
        began = time.perf_counter()
        units = profiler.runcall(work)
        seconds = time.perf_counter() - began
    functions, waited = _functions(profiler)
    statements, executed, planned = _statements() if is_tracked else ([], 0.0, 0.0)
    return Profile(title, units, seconds, waited, executed, planned, functions, statements)


@contextmanager
def _statements_tracked() -> Iterator[bool]:
    if EXTENSION not in scalar("SHOW shared_preload_libraries"):
        yield False
        return
    execute(f"CREATE EXTENSION IF NOT EXISTS {EXTENSION}")
    track("top")
    execute(f"SELECT {EXTENSION}_reset()")
    try:
        yield True
    finally:
        track("none")


def track(which: str) -> None:
    """Track statements "top" or "none" in all sessions; returns when this one does."""
    if EXTENSION not in scalar("SHOW shared_preload_libraries"):
        return
    execute(f"ALTER SYSTEM SET {EXTENSION}.track = '{which}'")
    execute(f"ALTER SYSTEM SET {EXTENSION}.track_planning = on")
    execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + RELOAD_SECONDS
    while scalar(f"SHOW {EXTENSION}.track") != which and time.monotonic() < deadline:
        time.sleep(0.01)


def _functions(profiler: cProfile.Profile) -> tuple[list[Cost], float]:
    """Return the functions with the most time of their own, and the time waited for SQL."""
    costs: list[Cost] = []
    waited = 0.0
    # Of the standard library, without types: function → calls, all calls, own, cumulated, callers.
    for (file, line, name), numbers in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        costs.append(Cost(_name(file, line, name), int(numbers[1]), float(numbers[2])))
        if "psycopg2" in name:
            waited += float(numbers[2])
    return _dearest(costs), waited


def _name(file: str, line: int, name: str) -> str:
    if file == "~":
        return re.sub(r"^<(method|built-in method) |>$", "", name).replace("' objects", "'")
    path = Path(file)
    short = path.relative_to(ROOT) if path.is_relative_to(ROOT) else Path(*path.parts[-2:])
    if "site-packages" in path.parts:
        short = Path(*path.parts[path.parts.index("site-packages") + 1 :])
    return f"{short}:{line} {name}"


def _statements() -> tuple[list[Cost], float, float]:
    found = rows(
        "SELECT query, sum(calls), sum(total_exec_time) / 1000, sum(total_plan_time) / 1000"
        f" FROM {EXTENSION} WHERE query !~* '{EXTENSION}|pg_reload_conf|ALTER SYSTEM'"
        " GROUP BY query"
    )
    costs = [Cost(_short(query), int(calls), run + plan) for query, calls, run, plan in found]
    return _dearest(costs), sum(row[2] for row in found), sum(row[3] for row in found)


def _short(statement: str) -> str:
    words = " ".join(re.sub(r"--[^\n]*", "", statement).split()).replace("|", "¦")
    return words if len(words) <= STATEMENT else f"{words[:STATEMENT]}…"


def _dearest(costs: list[Cost]) -> list[Cost]:
    return sorted(costs, key=lambda one: -one.seconds)[:LINES]
