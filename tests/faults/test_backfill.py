"""`kill -9` while past calls are put into the queue."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from calls.delivery import backfill
from calls.models import BackfillState, Delivery
from counters.models import Counter
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario

#: More than one step.
CALLS = backfill.STEP + 10


@pytest.mark.contract("B4")
def test_worker_killed_in_the_middle_of_a_backfill_loses_and_doubles_nothing(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    (counter,) = scenario.counters
    Counter.objects.update(site_mode="list", site_hosts=["a.example"])
    start = timezone.now() - timedelta(hours=1)
    copy_call(store_call(cabinet=scenario.cabinet, started_at=start), CALLS - 1)
    Counter.objects.update(site_mode="all")
    assert not Delivery.objects.exists()
    counter.refresh_from_db()
    now = timezone.now()
    one, _is_new = backfill.request(scenario.cabinet, [counter], days=1, actor=None, now=now)
    workers.start(task="run_backfills").wait_dead()
    assert one.counters.get().expected == {"sent": CALLS}
    assert backfill.start(one, actor=None, now=now)

    workers.start(task="run_backfills", at="before_backfill_commit", passage=2).wait_dead()

    assert one.counters.get().result == {"sent": backfill.STEP}
    assert Delivery.objects.waiting().count() == backfill.STEP
    workers.start(task="run_backfills").wait_dead()
    one.refresh_from_db()
    assert (one.state, one.counters.get().result) == (BackfillState.DONE, {"sent": CALLS})
    workers.start()
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert balance.held == CALLS
    result.fault = "kill -9 at before_backfill_commit, passage 2"
    result.measure(balance, seconds)
