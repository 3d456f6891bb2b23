"""Partitions of the coming months are created ahead; misfiled rows move into theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.core.management import call_command
from django.db import IntegrityError, transaction
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
    fetch,
    partitions_of,
    partitions_with,
)
from tests.calls.stored import store_call


def logged_misfiled(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage() for record in caplog.records if "default partition" in record.message
    ]


@pytest.fixture
def in_december() -> Iterator[None]:
    with time_machine.travel(DECEMBER, tick=False):
        yield


@pytest.fixture
def late_calls(cabinet: Cabinet, counter: Counter, in_december: None) -> list[Call]:
    """Calls of two months without partitions."""
    started = [DECEMBER - timedelta(days=days) for days in (0, 1, 25)]
    return [store_call(cabinet=cabinet, started_at=moment) for moment in started]


def test_months_ahead_are_created_across_the_end_of_a_year(db: None, in_december: None) -> None:
    assert tasks.make_partitions() == AHEAD
    assert tasks.make_partitions() == []

    assert set(AHEAD) <= all_partitions()


def test_calls_before_and_after_midnight_are_in_their_months(
    cabinet: Cabinet, counter: Counter, in_december: None
) -> None:
    partitions.keep_up(now=DECEMBER)
    midnight = datetime(YEAR + 1, 1, 1, tzinfo=UTC)

    before = store_call(cabinet=cabinet, started_at=midnight - timedelta(microseconds=1))
    after = store_call(cabinet=cabinet, started_at=midnight)

    assert partitions_with(Call, pk=before.pk) == {f"calls_call_{MONTHS[0]}"}
    assert partitions_with(Call, pk=after.pk) == {f"calls_call_{MONTHS[1]}"}
    assert partitions_with(Delivery, call_id=after.pk) == {f"calls_delivery_{MONTHS[1]}"}


def structure_of(table: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the columns, checks and indexes of a partition, with the parent of each index."""
    columns = fetch(
        "SELECT attname, atttypid, attnotnull, pg_get_expr(adbin, adrelid) FROM pg_attribute"
        " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
        " WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        table,
    )
    # Rows of older months were not validated against a check that was added later.
    checks = fetch(
        "SELECT contype, replace(pg_get_constraintdef(oid), ' NOT VALID', '') FROM pg_constraint"
        " WHERE conrelid = %s::regclass ORDER BY 1, 2",
        table,
    )
    indexes = fetch(
        "SELECT inhparent::regclass::text, split_part(pg_get_indexdef(indexrelid), ' USING ', 2)"
        " FROM pg_index LEFT JOIN pg_inherits ON inhrelid = indexrelid"
        " WHERE indrelid = %s::regclass ORDER BY 1",
        table,
    )
    return columns, checks, indexes


@pytest.mark.parametrize("parent", partitions.PARENTS)
def test_a_new_month_has_the_structure_of_those_of_the_migration(
    db: None, in_december: None, parent: str
) -> None:
    of_the_migration = structure_of(partitions_of(parent)[0])

    partitions.keep_up(now=DECEMBER)

    assert structure_of(f"{parent}_{MONTHS[0]}") == of_the_migration
    assert None not in [part_of for part_of, _definition in of_the_migration[2]]


def test_misfiled_rows_are_logged_once_and_do_not_prevent_months(
    late_calls: list[Call], caplog: pytest.LogCaptureFixture
) -> None:
    tasks.make_partitions()
    tasks.make_partitions()

    assert logged_misfiled(caplog) == [
        "3 rows of calls_call lie in its default partition: see docs/operations.md",
        "3 rows of calls_delivery lie in its default partition: see docs/operations.md",
    ]
    assert {*AHEAD, *NOVEMBER} <= all_partitions()


def test_misfiled_rows_move_with_every_value(late_calls: list[Call]) -> None:
    def contents() -> list[list[dict[str, Any]]]:
        tables: list[Any] = [Call.objects, Delivery.objects, CallKey.objects]
        return [list(rows.order_by("pk").values()) for rows in tables]

    before = contents()
    assert partitions_with(Call) == {"calls_call_default"}

    partitions.keep_up(now=DECEMBER)

    assert contents() == before
    assert partitions_with(Call) == {f"calls_call_{YEAR}_11", f"calls_call_{YEAR}_12"}
    assert partitions_with(Delivery) == {f"calls_delivery_{YEAR}_11", f"calls_delivery_{YEAR}_12"}
    assert partitions.misfiled_rows() == {}


def test_moved_rows_are_found_by_every_query(
    late_calls: list[Call], counter: Counter, source: CallSource
) -> None:
    partitions.keep_up(now=DECEMBER)
    call = late_calls[-1]

    row = Delivery.objects.select_related("call").filter(call_id=call.pk)[0]
    assert row.call.external_id == call.external_id
    assert call.deliveries.count() == 1
    assert set(call_ids(call.external_id, sees_phones=True)) == {call.pk}
    assert set(call_ids(call.phone, sees_phones=True)) == {one.pk for one in late_calls}
    # The unique keys of the ledger apply in the new partition, too.
    row.pk = None
    with pytest.raises(IntegrityError, match="duplicate key"), transaction.atomic():
        row.save(force_insert=True)


def test_a_call_received_after_the_move_is_stored_in_its_month(
    late_calls: list[Call], source: CallSource
) -> None:
    partitions.keep_up(now=DECEMBER)
    started = int((DECEMBER - timedelta(hours=1)).timestamp())

    answer = post_calls(factories.v3_record(callTime=started), source=source)

    assert answer.status_code == 202
    new = answer.json()["results"][0]["call_id"]
    assert partitions_with(Call, pk=new) == {f"calls_call_{MONTHS[0]}"}
    assert partitions_with(Delivery, call_id=new) == {f"calls_delivery_{MONTHS[0]}"}


def test_readyz_is_ok_after_misfiled_rows_moved(client: Client, late_calls: list[Call]) -> None:
    heartbeat.beat()
    wrong = client.get("/readyz").json()["checks"]["database"]

    partitions.keep_up(now=DECEMBER)

    assert wrong.startswith("rows outside their month")
    assert client.get("/readyz").json()["checks"]["database"] == "ok"


def test_a_month_that_cannot_be_created_does_not_prevent_others(
    late_calls: list[Call], caplog: pytest.LogCaptureFixture
) -> None:
    taken = f"calls_call_{MONTHS[0]}"
    fetch(f"CREATE TABLE {taken} (id int); SELECT 1")

    made = partitions.keep_up(now=DECEMBER)

    rest = {name for name in AHEAD if name != taken}
    assert set(made) == rest | {*NOVEMBER}
    assert f"{taken} was not made: ProgrammingError, 42P07" in caplog.messages
    assert partitions_with(Call) == {"calls_call_default", f"calls_call_{YEAR}_11"}
    assert len(logged_misfiled(caplog)) == 2


def test_run_sender_creates_months(db: None, in_december: None) -> None:
    sender_loop.run(rest=lambda: None, once=True)

    assert set(AHEAD) <= all_partitions()


def test_migrate_creates_months(db: None, in_december: None) -> None:
    call_command("migrate", verbosity=0)

    assert set(AHEAD) <= all_partitions()


def test_nothing_is_created_without_the_tables(db: None) -> None:
    assert partitions.is_installed()

    fetch("DROP TABLE calls_delivery; SELECT 1")

    assert not partitions.is_installed()
