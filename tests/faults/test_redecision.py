"""`kill -9` while the calls that wait for a changed counter are decided again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calls.delivery import redecision
from calls.models import Redecision
from counters.settings.save import save_settings
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.wait import wait_for

#: More ledger rows than two steps go through: a call has one for each channel.
CALLS = redecision.STEP + 100


@pytest.mark.contract("B3", "B4")
@pytest.mark.parametrize(
    ("point", "passage"),
    [
        ("after_redecision_count", 1),
        ("before_redecision_commit", 1),
        ("before_redecision_commit", 2),
    ],
)
def test_worker_killed_while_calls_are_decided_again_sends_each_by_the_new_settings(
    scenario: Scenario, workers: WorkerProcesses, result: Result, point: str, passage: int
) -> None:
    scenario.link()
    (counter,) = scenario.counters
    start = timezone.now() - timedelta(hours=1)
    copy_call(store_call(cabinet=scenario.cabinet, started_at=start), CALLS - 11)
    store_call(
        cabinet=scenario.cabinet, started_at=start - timedelta(hours=2), duration_seconds=300
    )
    copy_call(store_call(cabinet=scenario.cabinet, started_at=start, duration_seconds=300), 9)
    save_settings(
        counter=counter,
        version=counter.version,
        values={"min_duration_seconds": 200},
        actor=None,
        now=timezone.now(),
    )
    assert Redecision.objects.exists()
    killed = workers.start(at=point, passage=passage)
    killed.wait_dead()
    assert Redecision.objects.exists()
    assert list(scenario.sandbox.held()) == []

    workers.start()
    wait_for(lambda: not Redecision.objects.exists(), seconds=60, what="the end of the decisions")
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert balance.held == 11
    result.fault = f"kill -9 at {point}, passage {passage}"
    result.measure(balance, seconds)
