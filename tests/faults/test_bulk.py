"""`kill -9` while a bulk action goes through the rows of a filter."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent
from calls.bulk import orders
from calls.bulk.selection import select
from calls.models import BulkAction, BulkKind, BulkState, Delivery, SendOrder
from calls.queries.history import Filters
from calls.states import DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario

STEP, CALLS = 40, 100
#: Failpoint → rows that are changed when the second step is killed there.
CHANGED = {"before_bulk_commit": STEP, "after_bulk_step": 2 * STEP}


@pytest.mark.contract("B4")
@pytest.mark.parametrize("point", CHANGED)
def test_worker_killed_in_the_middle_of_a_bulk_action_acts_on_each_row_once(
    scenario: Scenario, workers: WorkerProcesses, result: Result, point: str
) -> None:
    person = factories.make_member(cabinet=scenario.cabinet)
    scenario.link()
    (counter,) = scenario.counters
    Counter.objects.update(min_duration_seconds=900)
    start = timezone.now() - timedelta(hours=1)
    copy_call(store_call(cabinet=scenario.cabinet, started_at=start), CALLS - 1)
    assert count(DeliveryState.SKIPPED) == CALLS

    kill_and_finish(workers, order(BulkKind.SEND, counter, person), point, DeliveryState.WAITING)
    assert SendOrder.objects.count() == CALLS
    before = rows()
    off = order(BulkKind.CALL_OFF, counter, person)
    kill_and_finish(workers, off, point, DeliveryState.SKIPPED)
    assert Delivery.objects.filter(reason="called_off").count() == CALLS
    undoing = orders.undo(off, actor=person, now=timezone.now())
    assert undoing is not None
    kill_and_finish(workers, undoing, point, DeliveryState.WAITING)
    assert rows() == before
    workers.start()
    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert (balance.calls, balance.held) == (CALLS, CALLS)
    result.fault = f"kill -9 at {point}, passage 2, of sending, calling off and its undoing"
    result.measure(balance, seconds)


def order(kind: BulkKind, counter: Counter, person: User) -> BulkAction:
    now = timezone.now()
    selection = select(counter, Filters(), now=now)
    return orders.order(kind, selection, token=uuid4(), actor=person, now=now)


def kill_and_finish(
    workers: WorkerProcesses, action: BulkAction, point: str, becomes: DeliveryState
) -> None:
    """Kill the worker in the second step, let another finish: each count is exact."""
    workers.start(task="run_bulk", bulk_step=STEP, at=point, passage=2).wait_dead()
    action.refresh_from_db()
    changed = CHANGED[point]
    assert (action.state, action.total) == (BulkState.RUNNING, CALLS)
    assert (action.done, action.changed, count(becomes)) == (changed, changed, changed)

    workers.start(task="run_bulk", bulk_step=STEP).wait_dead()

    action.refresh_from_db()
    assert (action.state, action.done, action.changed) == (BulkState.DONE, CALLS, CALLS)
    assert count(becomes) == CALLS
    ended = AuditEvent.objects.filter(action="bulk.ended", object_id=str(action.pk))
    assert ended.count() == 1


def count(state: DeliveryState) -> int:
    return Delivery.objects.filter(state=state).count()


def rows() -> list[tuple[object, ...]]:
    """Return what each row is; when it was last put into the queue is left out."""
    fields = ("call_id", "channel", "state", "reason", "upload_id", "expires_at")
    return list(Delivery.objects.order_by("call_id", "channel").values_list(*fields))
