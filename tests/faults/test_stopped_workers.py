"""A worker stopped by SIGSTOP (as on a frozen machine) and resumed after its lease."""

from __future__ import annotations

import signal

import pytest

from calls.models import Upload, UploadAttempt
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario

CALLS = 5


@pytest.mark.contract("B4", "B18", "B20")
@pytest.mark.parametrize(
    ("failpoint", "attempts"),
    [
        # Another worker looked the file up, did not find it and sent it: this one must not.
        ("before_request", 2),
        ("before_body", 2),
        ("mid_body", 2),
        # Another worker looked the file up and found it: this one must change nothing.
        ("after_body", 1),
        ("after_answer", 1),
    ],
)
def test_worker_resumed_after_its_lease_changes_nothing(
    scenario: Scenario, workers: WorkerProcesses, result: Result, failpoint: str, attempts: int
) -> None:
    scenario.link()
    paused = workers.start(at=failpoint, act="stop")
    scenario.receive_calls(CALLS)
    paused.wait_stopped()
    workers.start()
    seconds = scenario.wait_settled()

    paused.send(signal.SIGTERM)
    paused.send(signal.SIGCONT)
    paused.wait_dead()

    balance = scenario.balance()
    assert balance.mismatches() == []
    upload = Upload.objects.get()
    assert (upload.attempts, upload.state) == (attempts, "processed")
    assert UploadAttempt.objects.filter(kind="send", ended_at=None).count() == 0
    result.fault = f"worker stopped (SIGSTOP) at {failpoint} until after its lease and the grace"
    result.measure(balance, seconds)
