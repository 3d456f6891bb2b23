"""`kill -9` while a cause of the counter is recorded: one stop, and no call is lost."""

from __future__ import annotations

import pytest
from django.utils import timezone

from calls.models import Upload
from calls.states import UploadState
from counters import stops
from counters.models import Counter
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.wait import wait_for

CALLS = 5


@pytest.mark.contract("B4", "B7", "B10")
def test_worker_killed_while_a_stop_is_recorded_loses_and_doubles_nothing(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    (counter,) = scenario.counters
    scenario.sandbox.post("goal-limit", goals=4)
    killed = workers.start(at="before_failure_commit")
    scenario.receive_calls(CALLS)
    killed.wait_dead()
    assert not Counter.objects.stopped().exists()

    workers.start()
    wait_for(Counter.objects.stopped().exists, seconds=40, what="the counter is stopped")
    assert set(Upload.objects.values_list("state", flat=True)) == {UploadState.LATER}
    assert list(scenario.sandbox.held()) == []

    scenario.sandbox.post("goal-limit", goals=200)
    counter.refresh_from_db()
    assert stops.resume(counter, actor=None, now=timezone.now()) is True
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert (balance.calls, balance.held) == (CALLS, CALLS)
    assert not Counter.objects.stopped().exists()
    result.fault = "kill -9 at before_failure_commit; sandbox: no room for the goal of calls"
    result.measure(balance, seconds)
