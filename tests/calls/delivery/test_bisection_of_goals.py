"""Refused files of conversions whose goal may be gone."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, recovery, sending
from calls.models import Upload
from calls.states import Attention, Channel, DeliveryState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.delivery.bisecting import deliver
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import COUNTER, control

pytestmark = pytest.mark.contract("B10")


def goal_counter(counter: Counter, sandbox: RunningSandbox, identifier: str = "zvonok") -> Counter:
    goal = control(sandbox, "goals", counter=COUNTER, name="Звонок", identifier=identifier)["goal"]
    chosen = factories.make_goal(
        counter=counter, identifier=identifier, goal_id=goal["id"], name="Звонок"
    )
    counter.goal, counter.send_calls = chosen, False
    counter.save(update_fields=["goal", "send_calls"])
    return counter


def test_conversions_of_a_deleted_goal_wait_for_another_goal_and_are_sent_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, metrika: Any
) -> None:
    counter = goal_counter(linked_counter, sandbox)
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    batching.build_uploads(now=timezone.now())
    late = store_call(cabinet=cabinet)
    assert counter.goal is not None
    gone = f"/management/v1/counter/{COUNTER}/goal/{counter.goal.goal_id}"
    assert metrika.call("DELETE", gone).status_code == 200

    sending.send_due(seconds=30)
    bisection.isolate_refused(now=timezone.now())
    batching.build_uploads(now=timezone.now())

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("cancelled", Attention.GOAL_GONE)
    assert {row_of(call, Channel.GOAL).state for call in calls} == {DeliveryState.WAITING}
    assert row_of(late, Channel.GOAL).state == DeliveryState.WAITING
    assert rows_in_metrika(sandbox, "goal") == []

    other = goal_counter(Counter.objects.get(pk=counter.pk), sandbox, "drugaya")
    recovery.apply_counter_change(other, now=timezone.now())
    deliver()
    deliver()

    rows = rows_in_metrika(sandbox, "goal")
    expected = sorted((call.client_id, "drugaya") for call in [*calls, late])
    assert sorted((row["ClientId"], row["Target"]) for row in rows) == expected


def test_a_refused_goal_file_waits_while_the_goals_cannot_be_read(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    goal_counter(linked_counter, sandbox)
    store_call(cabinet=cabinet)
    fault(sandbox, "whole_file_400")
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    fault(sandbox, "html_5xx", times=None, match={"path_contains": "/goals"})
    now: datetime = timezone.now()

    assert bisection.isolate_refused(now=now) == 0
    upload = Upload.objects.get()
    assert (upload.state, upload.not_before) == ("splitting", now + timedelta(minutes=1))
