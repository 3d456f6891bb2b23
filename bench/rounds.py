"""Runs a figure: product, floor and naive peer take turns, so that a slow minute hits all."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from bench.figure import Contender, Figure, Outcome, Run
from bench.measure import timed

Say = Callable[[str], None]


def run(figure: Figure, say: Say) -> Outcome:
    """Prepare the figure, run its rounds and return what was measured."""
    began = time.monotonic()
    outcome = Outcome(figure.title, figure.unit, figure.goal_floor, figure.goal_naive)
    figure.prepare()
    try:
        for _round in range(figure.sizes.rounds):
            for contender in figure.contenders:
                outcome.runs.setdefault(contender, []).append(_run_one(figure, contender))
    finally:
        figure.finish()
    outcome.facts, outcome.notes = figure.facts, figure.notes
    say(f"{figure.title}: {time.monotonic() - began:.0f} s")
    return outcome


def run_or_note(figure: Figure, say: Say) -> Outcome:
    """Run the figure; after an error return an outcome that says so, so that the others run."""
    try:
        return run(figure, say)
    except Exception as problem:
        traceback.print_exc()
        sentence = f"did not run: {type(problem).__name__}: {problem}"
        return Outcome(figure.title, figure.unit, notes=[sentence])


def _run_one(figure: Figure, contender: Contender) -> Run:
    figure.reset(contender)
    work: dict[Contender, Callable[[], float]] = {
        "product": figure.product,
        "floor": figure.floor,
        "naive": figure.naive,
    }
    return timed(work[contender], without_this_process=figure.is_client)
