"""The attempts of one callback order: which is the last one, and what a crowded order costs."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.attempts import (
    FIND_ATTEMPTS,
    HAS_LATER_ATTEMPT,
    JUDGED_ATTEMPTS,
    find_attempts,
    lock_callback_orders,
)
from calls.decision.decide import decide
from calls.models import Call, Delivery
from calls.runtime.prepared import held_of
from calls.states import DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.decision.plans import nodes_of, plan_of_decision
from tests.calls.delivery.test_races import in_session
from tests.calls.ledger import make_delivery
from tests.calls.locks import wait_for_lock
from tests.calls.stored import row_of, store_call

ORDER = 10
CROWD = 6000

#: The rule without a bound.
LATER_ATTEMPT = """EXISTS (
    SELECT 1 FROM calls_call o
    WHERE o.cabinet_id = c.cabinet_id AND o.order_key = c.order_key AND o.id <> c.id
      AND (coalesce(o.attempt, 0), o.started_at, o.id)
          > (coalesce(c.attempt, 0), c.started_at, c.id)
      AND o.is_finished AND NOT o.is_test AND NOT (k.skip_technical AND o.is_technical))"""


def attempt(cabinet: Cabinet, number: int | None, **fields: Any) -> Call:
    return store_call(cabinet=cabinet, kind="callback", order_key=ORDER, attempt=number, **fields)


def crowded(call_ids: list[int]) -> dict[int, int]:
    starts = [one.partition_at for one in Call.objects.filter(pk__in=call_ids)]
    return dict(find_attempts(call_ids, starts, held=held_of([FIND_ATTEMPTS])).crowded)


def attempts(cabinet: Cabinet, count: int, **fields: Any) -> list[Call]:
    """Store and decide so many attempts of the order at once."""
    stored = [attempt(cabinet, number, decided=False, **fields) for number in range(1, count + 1)]
    decide([call.pk for call in stored], now=timezone.now())
    return stored


def reasons(calls: list[Call], counter: Counter) -> list[str | None]:
    rows = Delivery.objects.filter(call__in=calls, counter=counter, channel=1)
    return list(rows.order_by("call_id").values_list("reason", flat=True))


@pytest.mark.parametrize("seed", range(12))
def test_order_below_the_bound_is_judged_as_without_one(cabinet: Cabinet, seed: int) -> None:
    account = factories.make_account(cabinet=cabinet)
    factories.make_counter(account=account, number=1)
    factories.make_counter(account=account, number=2, skip_technical=False)
    chance = random.Random(seed)
    count = chance.choice((2, 3, 7, JUDGED_ATTEMPTS - 1, JUDGED_ATTEMPTS))
    now = timezone.now()
    calls = [_any_attempt(cabinet, chance, now) for _ in range(count)]
    for part in (calls[: count // 2], calls[count // 2 :]):
        decide([call.pk for call in part], now=now)

    is_last = _is_last(LATER_ATTEMPT)
    assert len(is_last) == 2 * count
    assert _is_last(HAS_LATER_ATTEMPT) == is_last
    # Rules before this one refuse some of them first.
    rows = Delivery.objects.filter(channel=1).values_list("call_id", "counter_id", "reason")
    decided = {row[:2]: row[2] is None for row in rows if row[2] in (None, "not_last_attempt")}
    assert decided == {key: is_last[key] for key in decided}
    assert crowded([calls[0].pk]) == {}


def _any_attempt(cabinet: Cabinet, chance: random.Random, now: datetime) -> Call:
    return attempt(
        cabinet,
        chance.choice((None, 0, 1, 2, 3, 4)),
        decided=False,
        started_at=now - timedelta(hours=1, seconds=chance.randrange(4)),
        is_finished=chance.random() < 0.7,
        is_test=chance.random() < 0.2,
        is_technical=chance.random() < 0.5,
    )


def _is_last(later_attempt: str) -> dict[tuple[int, int], bool]:
    """Return {(call id, counter id): whether it has no later attempt}."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT c.id, k.id, NOT {later_attempt} FROM calls_call c"
            " JOIN counters_counter k ON k.cabinet_id = c.cabinet_id"
        )
        return {(call_id, counter_id): is_last for call_id, counter_id, is_last in cursor}


def test_attempt_beyond_the_bound_has_a_later_one(cabinet: Cabinet, counter: Counter) -> None:
    """However many unfinished attempts follow, an earlier one is sent up to the bound only."""
    first = attempt(cabinet, 0)
    later = attempts(cabinet, JUDGED_ATTEMPTS - 1, is_finished=False)
    assert row_of(first).state == DeliveryState.WAITING
    assert crowded([first.pk]) == {}

    one_more = attempt(cabinet, JUDGED_ATTEMPTS, is_finished=False)

    assert row_of(first).reason == "not_last_attempt"
    assert reasons([*later, one_more], counter) == ["not_finished"] * JUDGED_ATTEMPTS
    assert crowded([first.pk, one_more.pk]) == {first.pk: ORDER, one_more.pk: ORDER}


def test_last_attempt_of_a_crowded_order_is_sent_alone(cabinet: Cabinet, counter: Counter) -> None:
    calls = attempts(cabinet, 3 * JUDGED_ATTEMPTS)
    last = attempt(cabinet, 3 * JUDGED_ATTEMPTS + 1)
    late = attempt(cabinet, 1)

    assert row_of(last).state == DeliveryState.WAITING
    assert reasons([*calls, late], counter) == ["not_last_attempt"] * (len(calls) + 1)


def test_last_attempt_that_turns_out_technical_gives_way(
    cabinet: Cabinet, counter: Counter
) -> None:
    calls = attempts(cabinet, 2 * JUDGED_ATTEMPTS)
    last = calls[-1]
    Call.objects.filter(pk=last.pk).update(is_technical=True)
    decide([last.pk], now=timezone.now())

    assert reasons(calls[-3:], counter) == ["not_last_attempt", None, "technical"]


def test_one_more_attempt_of_thousands_reads_the_last_ones_only(
    cabinet: Cabinet, counter: Counter
) -> None:
    _crowd(cabinet)
    call = attempt(cabinet, CROWD + 1, decided=False)

    # The planner's statistics, as autovacuum keeps them: without them the plan is a matter of luck.
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE calls_call, calls_delivery")

    plan = plan_of_decision(call.pk, "ANALYZE", "BUFFERS")

    read = sum(_rows_read(node) for node in nodes_of(plan) if "Scan" in node["Node Type"])
    assert Delivery.objects.count() == CROWD + 1
    assert row_of(call).state == DeliveryState.WAITING
    assert read < 20 * JUDGED_ATTEMPTS
    assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < CROWD
    found = _plan_of_finding(call)
    read = sum(_rows_read(node) for node in nodes_of(found) if "Scan" in node["Node Type"])
    assert read < 20 * JUDGED_ATTEMPTS


def _plan_of_finding(call: Call) -> dict[str, Any]:
    starts = [call.partition_at]
    others = find_attempts([call.pk], starts, held=held_of([FIND_ATTEMPTS])).others
    assert len(others) == JUDGED_ATTEMPTS
    values: dict[str, Any] = {"call_ids": [call.pk], "first": starts[0], "last": starts[0]}
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off;"
            f" EXPLAIN (ANALYZE, FORMAT JSON) {FIND_ATTEMPTS.execution}",
            values | {"judged": JUDGED_ATTEMPTS + 1},
        )
        plan: dict[str, Any] = cursor.fetchone()[0][0]["Plan"]
        return plan


@pytest.mark.django_db(transaction=True)
def test_attempt_that_is_stored_while_the_lock_is_waited_for_is_decided_again(
    cabinet: Cabinet, counter: Counter
) -> None:
    """The attempts are looked for after the lock, not before."""
    second = attempt(cabinet, 2, decided=False)

    def decide_second() -> None:
        with transaction.atomic():
            decide([second.pk], now=timezone.now())

    with transaction.atomic():
        lock_callback_orders([second.pk])
        deciding = in_session(decide_second)
        wait_for_lock()
        first = attempt(cabinet, 1, decided=False)
        make_delivery(call=first, counter=counter)
    deciding.join(timeout=60)

    assert reasons([second, first], counter) == [None, "not_last_attempt"]


def _crowd(cabinet: Cabinet) -> None:
    """Store thousands of attempts of one order that were decided long ago."""
    model = attempt(cabinet, 1)
    of_row = {
        "call_id": "-g",
        "state": str(int(DeliveryState.SKIPPED)),
        "reason": "'not_last_attempt'",
    }
    _copy(Call, {"id": "-g", "attempt": "g"}, "id", model.pk)
    _copy(Delivery, of_row | {"id": "nextval('calls_delivery_id_seq')"}, "call_id", model.pk)


def _copy(model: type[Model], changed: dict[str, str], key: str, pk: int) -> None:
    """Copy the row whose ``key`` is ``pk`` for g = 2, 3, … CROWD, with columns ``changed``."""
    columns = [str(field.column) for field in model._meta.concrete_fields]
    values = [changed.get(name, name) for name in columns]
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"
            f" FROM {table}, generate_series(2, %s) AS g WHERE {key} = %s",
            [CROWD, pk],
        )


def _rows_read(node: dict[str, Any]) -> int:
    rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
    return int(rows * node["Actual Loops"])
