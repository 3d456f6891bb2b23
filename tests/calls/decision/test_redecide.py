"""Deciding again what waits: beside the intake of corrected records, and what it costs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.redecide import decide_again, redecide
from calls.models import Delivery
from calls.states import DeliveryState
from counters.models import Counter
from counters.settings.save import save_settings
from tests import factories
from tests.calls.decision.plans import nodes_of
from tests.calls.delivery.test_races import in_session
from tests.calls.ingest.storing import store
from tests.calls.locks import wait_for_lock
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

MANY = 2_000
DAY = timedelta(days=1)


def all_of(counter: Counter) -> None:
    decide_again(counter.pk, now=timezone.now())


def each_of(counter: Counter) -> None:
    now: datetime = timezone.now()
    calls = list(Delivery.objects.values_list("call_id", flat=True))
    redecide(counter.pk, calls, now=now, between=(now - DAY, now))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("run", [all_of, each_of])
def test_record_that_is_corrected_meanwhile_is_decided_by_its_new_values(
    cabinet: Cabinet, counter: Counter, run: Callable[[Counter], None]
) -> None:
    """Not by those that were read before the lock of its row was waited for."""
    Counter.objects.filter(pk=counter.pk).update(call_status=Counter.CallStatus.SUCCESS)
    source = factories.make_source(cabinet=cabinet)
    record = factories.v3_record()
    store(source, record)
    rows = Delivery.objects.filter(channel=1)
    assert rows.get().state == DeliveryState.WAITING

    with transaction.atomic():
        store(source, record | {"status": "fail"})
        assert rows.get().reason == "status"
        deciding = in_session(lambda: run(counter))
        wait_for_lock()
    deciding.join(timeout=60)

    assert (rows.get().state, rows.get().reason) == (DeliveryState.SKIPPED, "status")


@pytest.mark.django_db(transaction=True)
def test_corrected_record_beside_a_save_is_decided_by_the_new_settings(
    cabinet: Cabinet, counter: Counter
) -> None:
    """They are saved while its statement waits for the row, which their save has decided."""
    Counter.objects.filter(pk=counter.pk).update(call_status=Counter.CallStatus.SUCCESS)
    source = factories.make_source(cabinet=cabinet)
    record = factories.v3_record()
    store(source, record)

    with transaction.atomic():
        save_settings(
            counter=counter,
            version=counter.version,
            values={"call_status": Counter.CallStatus.ALL},
            actor=None,
            now=timezone.now(),
        )
        storing = in_session(lambda: store(source, record | {"status": "fail"}))
        wait_for_lock()
    storing.join(timeout=60)

    row = Delivery.objects.get(channel=1)
    assert (row.state, row.reason) == (DeliveryState.WAITING, None)
    assert row.settings_version == counter.version + 1


@pytest.mark.django_db
def test_list_of_calls_is_not_read_again_for_each_of_them(
    cabinet: Cabinet, counter: Counter
) -> None:
    call = store_call(cabinet=cabinet)
    copy_call(call, MANY - 1)

    plan = plan_of_redecide(lambda: each_of(counter))

    repeated = [one for one in nodes_of(plan) if one["Actual Loops"] > 1]
    assert plan["Plans"][0]["Actual Rows"] == MANY
    assert [one for one in repeated if f",{call.pk + 1}," in str(one)] == []


def plan_of_redecide(run: Callable[[], None]) -> dict[str, Any]:
    """Run it; return the plan of the deciding statement as it was executed."""
    plans: list[dict[str, Any]] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.lstrip().startswith("UPDATE calls_delivery AS d"):
            return execute(sql, params, many, context)
        answer = execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", params, many, context)
        plans.append(context["cursor"].fetchone()[0][0]["Plan"])
        return answer

    with connection.execute_wrapper(explain):
        run()
    (plan,) = plans
    return plan
