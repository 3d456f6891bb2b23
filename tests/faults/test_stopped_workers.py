"""A worker that is stopped (SIGSTOP: swapped out, a frozen machine) and wakes much later."""

from __future__ import annotations

import signal

import pytest

from calls.models import Upload, UploadAttempt
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage

CALLS = 5


@pytest.mark.contract("B4", "B18", "B20")
@pytest.mark.parametrize(
    ("moment", "attempts"),
    [
        # Others looked, did not find, and sent: the sleeper must not.
        ("before_request", 2),
        ("before_body", 2),
        ("mid_body", 2),
        # Others looked and found: the sleeper has nothing to add.
        ("after_body", 1),
        ("after_answer", 1),
    ],
)
def test_sleeper_that_wakes_after_its_lease_changes_nothing(
    stage: Stage, crew: Crew, result: Result, moment: str, attempts: int
) -> None:
    stage.link()
    sleeper = crew.hire(at=moment, act="stop")
    stage.calls(CALLS)
    sleeper.wait_stopped()
    crew.hire()
    seconds = stage.wait_settled()

    sleeper.send(signal.SIGTERM)
    sleeper.send(signal.SIGCONT)
    sleeper.wait_dead()

    balance = stage.balance()
    assert balance.mismatches() == []
    upload = Upload.objects.get()
    assert (upload.attempts, upload.state) == (attempts, "processed")
    assert UploadAttempt.objects.filter(kind="send", ended_at=None).count() == 0
    result.fault = f"worker asleep at {moment} until after its lease and the grace"
    result.measure(balance, seconds)
