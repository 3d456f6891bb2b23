"""Months: made ahead of the clock, and mended with every row when the clock stood still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from cabinets.models import Cabinet, CallSource
from calls import tasks
from calls.delivery import sender_loop
from calls.models import Call, CallKey, Delivery
from calls.queries.search import call_ids
from calls.runtime import heartbeat, partitions
from counters.models import Counter
from tests import factories
from tests.calls.posting import post_calls
from tests.calls.runtime.months import (
    AHEAD,
    DECEMBER,
    MONTHS,
    NOVEMBER,
    YEAR,
    all_partitions,
    fetched,
    partitions_of,
    where,
)
from tests.calls.stored import store_call


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records if "default partition" in record.message
    ]


@pytest.fixture
def in_december() -> Iterator[None]:
    with time_machine.travel(DECEMBER, tick=False):
        yield


@pytest.fixture
def late_calls(cabinet: Cabinet, counter: Counter, in_december: None) -> list[Call]:
    """Calls of two months for which nobody made a partition."""
    started = [DECEMBER - timedelta(days=days) for days in (0, 1, 25)]
    return [store_call(cabinet=cabinet, started_at=moment) for moment in started]


def test_months_are_made_ahead_over_the_end_of_a_year(db: None, in_december: None) -> None:
    assert tasks.make_partitions() == AHEAD
    assert tasks.make_partitions() == []

    assert set(AHEAD) <= all_partitions()


def test_calls_of_both_sides_of_midnight_lie_in_their_months(
    cabinet: Cabinet, counter: Counter, in_december: None
) -> None:
    partitions.keep_up(now=DECEMBER)
    midnight = datetime(YEAR + 1, 1, 1, tzinfo=UTC)

    before = store_call(cabinet=cabinet, started_at=midnight - timedelta(microseconds=1))
    after = store_call(cabinet=cabinet, started_at=midnight)

    assert where(Call, pk=before.pk) == {f"calls_call_{MONTHS[0]}"}
    assert where(Call, pk=after.pk) == {f"calls_call_{MONTHS[1]}"}
    assert where(Delivery, call_id=after.pk) == {f"calls_delivery_{MONTHS[1]}"}


def made_of(table: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Columns, checks and indexes of a partition, and which index of the parent each is part of."""
    columns = fetched(
        "SELECT attname, atttypid, attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        table,
    )
    checks = fetched(
        "SELECT contype, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = %s::regclass ORDER BY 1, 2",
        table,
    )
    indexes = fetched(
        "SELECT inhparent::regclass::text, split_part(pg_get_indexdef(indexrelid), ' USING ', 2)"
        " FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid"
        " WHERE indrelid = %s::regclass ORDER BY 1",
        table,
    )
    return columns, checks, indexes


@pytest.mark.parametrize("parent", partitions.PARENTS)
def test_a_month_is_made_as_the_first_migration_made_its_months(
    db: None, in_december: None, parent: str
) -> None:
    of_the_migration = made_of(partitions_of(parent)[0])

    partitions.keep_up(now=DECEMBER)

    assert made_of(f"{parent}_{MONTHS[0]}") == of_the_migration
    assert None not in [part_of for part_of, _definition in of_the_migration[2]]


def test_rows_without_a_month_are_told_once_and_hold_up_no_month(
    late_calls: list[Call], caplog: pytest.LogCaptureFixture
) -> None:
    tasks.make_partitions()
    tasks.make_partitions()

    assert alarms(caplog) == [
        "3 rows of calls_call lie in its default partition: see docs/operations.md",
        "6 rows of calls_delivery lie in its default partition: see docs/operations.md",
    ]
    assert {*AHEAD, *NOVEMBER} <= all_partitions()


def test_mending_moves_every_row_with_every_value(late_calls: list[Call]) -> None:
    def contents() -> list[list[dict[str, Any]]]:
        tables: list[Any] = [Call.objects, Delivery.objects, CallKey.objects]
        return [list(rows.order_by("pk").values()) for rows in tables]

    before = contents()
    assert where(Call) == {"calls_call_default"}

    partitions.keep_up(now=DECEMBER)

    assert contents() == before
    assert where(Call) == {f"calls_call_{YEAR}_11", f"calls_call_{YEAR}_12"}
    assert where(Delivery) == {f"calls_delivery_{YEAR}_11", f"calls_delivery_{YEAR}_12"}
    assert partitions.misfiled_rows() == {}


def test_mended_rows_are_found_from_everywhere(
    late_calls: list[Call], counter: Counter, source: CallSource
) -> None:
    partitions.keep_up(now=DECEMBER)
    call = late_calls[-1]

    row = Delivery.objects.select_related("call").filter(call_id=call.pk)[0]
    assert row.call.external_id == call.external_id
    assert call.deliveries.count() == 2
    assert set(call_ids(call.external_id, sees_phones=True)) == {call.pk}
    assert set(call_ids(call.phone, sees_phones=True)) == {one.pk for one in late_calls}
    # The ledger's own keys hold in the month as they held outside of it.
    with pytest.raises(Exception, match="duplicate key"), transaction.atomic():
        Delivery.objects.filter(pk=row.pk).update(channel=3 - row.channel)


def test_a_call_taken_in_after_mending_goes_to_its_month(
    late_calls: list[Call], source: CallSource
) -> None:
    partitions.keep_up(now=DECEMBER)
    started = int((DECEMBER - timedelta(hours=1)).timestamp())

    answer = post_calls(factories.v3_record(callTime=started), source=source)

    assert answer.status_code == 202
    new = answer.json()["results"][0]["call_id"]
    assert where(Call, pk=new) == {f"calls_call_{MONTHS[0]}"}
    assert where(Delivery, call_id=new) == {f"calls_delivery_{MONTHS[0]}"}


def test_ready_again_after_mending(client: Client, late_calls: list[Call]) -> None:
    heartbeat.beat()
    wrong = client.get("/readyz").json()["checks"]["database"]

    partitions.keep_up(now=DECEMBER)

    assert wrong.startswith("rows outside their month")
    assert client.get("/readyz").json()["checks"]["database"] == "ok"


def test_a_month_that_cannot_be_made_holds_up_no_other(
    late_calls: list[Call], caplog: pytest.LogCaptureFixture
) -> None:
    taken = f"calls_call_{MONTHS[0]}"
    fetched(f"CREATE TABLE {taken} (id int); SELECT 1")

    made = partitions.keep_up(now=DECEMBER)

    rest = {name for name in AHEAD if name != taken}
    assert set(made) == rest | {*NOVEMBER}
    assert f"{taken} was not made: ProgrammingError, 42P07" in caplog.messages
    assert where(Call) == {"calls_call_default", f"calls_call_{YEAR}_11"}
    assert len(alarms(caplog)) == 2


def test_run_sender_makes_months(db: None, in_december: None) -> None:
    sender_loop.run(rest=lambda: None, once=True)

    assert set(AHEAD) <= all_partitions()


def test_migrate_makes_months(db: None, in_december: None) -> None:
    call_command("migrate", verbosity=0)

    assert set(AHEAD) <= all_partitions()


def test_nothing_is_made_where_the_tables_are_not(db: None) -> None:
    assert partitions.is_installed()

    fetched("DROP TABLE calls_delivery; SELECT 1")

    assert not partitions.is_installed()
