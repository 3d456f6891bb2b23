"""A figure that fails or takes too long is noted, and what was measured is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection

from bench import kept
from bench.figure import Contender, Fact, Figure
from bench.profiling import Cost, Profile
from bench.rounds import run_or_note
from bench.sizes import SMOKE
from bench.world import execute

pytestmark = pytest.mark.django_db(transaction=True)


class Work(Figure):
    """Two good rounds of the product, then what a test does."""

    title = "P0 work"
    contenders: tuple[Contender, ...] = ("product",)
    third: Callable[[], object] = staticmethod(lambda: None)

    def prepare(self) -> None:
        self.done = 0

    def product(self) -> int:
        self.done += 1
        if self.done == 3:
            type(self).third()
        return 5

    def finish(self) -> None:
        self.facts.append(Fact("rounds", self.done, "rounds"))


def measured(third: Callable[[], object], seconds: float) -> tuple[list[float], list[str], float]:
    """Units of the rounds, notes and the only fact."""
    figure = type("Third", (Work,), {"third": staticmethod(third)})
    size = replace(SMOKE, rounds=3, limit_seconds=seconds)
    one = run_or_note(figure(size), started="now", revision="abc")
    return [run.units for run in one.runs["product"]], one.notes, one.facts[0].value


def test_failed_figure_has_the_rounds_before_and_a_note() -> None:
    def fail() -> None:
        raise ValueError("broken")

    assert measured(fail, 60) == ([5, 5], ["did not run to its end: ValueError: broken"], 3)


def test_statement_is_cancelled_at_the_limit_of_time() -> None:
    began = time.monotonic()

    units, notes, _rounds = measured(lambda: execute("SELECT pg_sleep(60)"), 0.5)

    assert units == [5, 5]
    assert notes == ["stopped after 0 s; what was measured until then stands."]
    assert time.monotonic() - began < 30
    assert connection.cursor().execute("SELECT 1") is None


def test_outcome_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    one = run_or_note(Work(replace(SMOKE, rounds=3)), started="now", revision="abc")
    cost = [Cost("SELECT", 2, 0.5)]
    one.profiles.append(Profile("the rates", 5, 1, 0.5, 0.4, 0.1, cost, cost))

    kept.keep("smoke", {one.title: one})

    assert kept.read("smoke") == {"P0 work": one}
    assert kept.read("quick") == {}
