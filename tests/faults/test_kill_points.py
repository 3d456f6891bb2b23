"""`kill -9` at every boundary of delivery, under a Metrika that answers, forgets or hangs up."""

from __future__ import annotations

import pytest

from calls.runtime.failpoints import NAMES
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage
from tests.faults.worker import WIRE_MOMENTS

CALLS = 7
#: What the sandbox does to the first upload it sees.
BEHAVIOURS = ("healthy", "reset_after_taken", "reset_before")
#: A lookup happens only after an answer was lost.
AFTER_A_LOST_ANSWER = ("during_lookup", "after_lookup_record")
#: And these only if Metrika answered: a file that is found needs no second answer.
AFTER_AN_ANSWER = ("after_answer", "after_record")


def cases() -> list[tuple[str, str]]:
    points = [*NAMES, *WIRE_MOMENTS]
    return [
        (str(point), behaviour)
        for point in points
        for behaviour in BEHAVIOURS
        if not (point in AFTER_A_LOST_ANSWER and behaviour == "healthy")
        if not (point in AFTER_AN_ANSWER and behaviour == "reset_after_taken")
    ]


@pytest.mark.contract("B3", "B4")
@pytest.mark.parametrize(("point", "behaviour"), cases())
def test_killed_worker_loses_nothing_and_doubles_nothing(
    stage: Stage, crew: Crew, result: Result, point: str, behaviour: str
) -> None:
    stage.link()
    if behaviour != "healthy":
        stage.sandbox.fault(behaviour)
    victim = crew.hire(at=point)
    stage.calls(CALLS)
    victim.wait_dead()

    crew.hire()
    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert (balance.calls, balance.held) == (CALLS, CALLS)
    result.fault = f"kill -9 at {point}; sandbox: {behaviour}"
    result.measure(balance, seconds)
