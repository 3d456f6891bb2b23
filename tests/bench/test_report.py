"""Ratios, goals and the tables of the benchmark's report."""

from __future__ import annotations

import pytest

from bench import limits, report
from bench.figure import Contender, Fact, Outcome, Run


def outcome(*, product: float = 50, naive: float = 10) -> Outcome:
    """A figure with a floor of 100 units a second, each with twice the processor time."""
    rates: dict[Contender, float] = {"product": product, "floor": 100, "naive": naive}
    runs = {
        who: [Run(rate, 1, 2), Run(rate * 3, 3, 6), Run(1, 9, 9)] for who, rate in rates.items()
    }
    return Outcome("P1 bulk", "calls/s", goal_floor=0.5, goal_naive=5, runs=runs)


def test_ratio_is_of_the_median_rates() -> None:
    assert outcome().ratio("floor", lambda run: run.rate) == 0.5
    assert outcome().ratio("naive", lambda run: run.cpu_rate) == 5


@pytest.mark.parametrize(
    ("changed", "is_met"), [({}, True), ({"product": 49}, False), ({"naive": 11}, False)]
)
def test_both_goals_have_to_be_met(changed: dict[str, float], is_met: bool) -> None:
    assert outcome(**changed).is_met is is_met


def test_figure_without_floor_is_judged_by_the_naive_peer() -> None:
    one = outcome(product=60)
    del one.runs["floor"]

    assert one.is_met is True
    assert report.rates([one])[-1] == (
        "| P1 bulk | calls/s |  | 10 | 60 |  | ≥ 0.5 | 6.00 / 6.00 | ≥ 5 | yes |"
    )


def test_missed_goals_are_named_with_what_limits_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limits.LIMITS, "P1", "planning")
    one = outcome(product=10)
    one.facts = [Fact("p95", 30, "ms", at_most=25), Fact("queries", 7, "queries")]

    assert report.missed([one, outcome()]) == [
        "### P1 bulk",
        "",
        "Missed: the rates, p95.",
        "planning",
    ]
    assert report.facts([one])[2:] == [
        "| P1 bulk | p95 | 30 ms | ≤ 25 | **no** |",
        "| P1 bulk | queries | 7 queries |  |  |",
    ]
