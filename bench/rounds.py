"""Runs a figure: product, floor and naive peer take turns, so that a slow minute hits all."""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable

from django.db import connection

from bench.figure import Contender, Figure, Measured, Outcome, Run
from bench.measure import cpu_seconds, timed
from bench.profiling import profile_of
from bench.time_limit import TimeIsUp, time_limit

Say = Callable[[str], None]
#: Seconds that a figure has, after its limit or an error, to stop what it started.
FINISH_SECONDS = 120


def run(figure: Figure) -> Outcome:
    """Prepare the figure, run its rounds and return what was measured."""
    outcome = _empty(figure)
    _measure(figure, outcome)
    figure.finish()
    return _complete(figure, outcome)


def run_or_note(figure: Figure, *, started: str, revision: str) -> Outcome:
    """Run the figure within its limit of time.

    After an error or at the limit the outcome has what was measured until then, and a note.
    ``started`` and ``revision`` are those of `Measured`.
    """
    outcome, began, load = _empty(figure), time.monotonic(), os.getloadavg()[0]
    cpu = cpu_seconds()
    limit = figure.sizes.limit_seconds * figure.limits

    def measure() -> None:
        _measure(figure, outcome)
        figure.finish()

    if not _noting(outcome, limit, measure):
        connection.close()
        _noting(outcome, FINISH_SECONDS, figure.finish)
    _complete(figure, outcome)
    seconds = time.monotonic() - began
    cpu = cpu_seconds() - cpu
    outcome.measured = Measured(started, revision, seconds, cpu, load, os.getloadavg()[0])
    return outcome


def _empty(figure: Figure) -> Outcome:
    return Outcome(
        figure.title, figure.unit, figure.goal_floor, figure.goal_naive, runs=figure.runs
    )


def _measure(figure: Figure, outcome: Outcome) -> None:
    figure.prepare()
    for _round in range(figure.sizes.rounds):
        for contender in figure.contenders:
            outcome.runs.setdefault(contender, []).append(_run_one(figure, contender))
    if outcome.is_met is False and figure.sizes.takes_profiles:
        figure.reset("product")
        outcome.profiles.append(profile_of(figure.profiled, "the rates"))


def _run_one(figure: Figure, contender: Contender) -> Run:
    figure.reset(contender)
    work: dict[Contender, Callable[[], float]] = {
        "product": figure.product,
        "floor": figure.floor,
        "naive": figure.naive,
    }
    return timed(work[contender], without_this_process=figure.is_client)


def _complete(figure: Figure, outcome: Outcome) -> Outcome:
    outcome.facts = figure.facts
    outcome.notes += figure.notes
    outcome.profiles += figure.profiles
    return outcome


def _noting(outcome: Outcome, seconds: float, work: Callable[[], object]) -> bool:
    """Do the work; after an error, or when it takes longer, add a note and return False."""
    try:
        with time_limit(seconds):
            work()
    except TimeIsUp:
        outcome.notes.append(f"stopped after {seconds:.0f} s; what was measured until then stands.")
    except Exception as problem:
        traceback.print_exc()
        text = " ".join(str(problem).split())[:200]
        outcome.notes.append(f"did not run to its end: {type(problem).__name__}: {text}")
    else:
        return True
    return False
