"""The primary key of the deliveries: what it costs to look up a call's rows, and its migration."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from tests.calls.decision.plans import nodes_of
from tests.calls.delivery.test_races import in_session
from tests.calls.locks import wait_for_lock

#: A module whose name begins with a digit.
MIGRATION: Any = import_module("calls.migrations.0026_delivery_key")
COUNTERS = 20
FIRST = "date_trunc('month', now(), 'UTC')"
KEY = "PRIMARY KEY (call_id, partition_at, counter_id, channel)"
FORMER_KEY = "PRIMARY KEY (call_id, counter_id, channel, partition_at)"


@pytest.fixture
def ledger(db: None) -> None:
    """20,000 calls, each with a row for one of the counters; without the foreign keys."""
    execute(
        "SET LOCAL session_replication_role = replica;"
        "INSERT INTO calls_delivery (call_id, partition_at, cabinet_id, counter_id, channel, state,"
        " is_static, decided_at, settings_version, waited, expires_at, id_kind, not_before)"
        f" SELECT n, {FIRST} + n * interval '1 s', 1, 1 + n % {COUNTERS}, 1, 1,"
        " false, now(), 1, true, now(), 1, now() FROM generate_series(1, 20000) AS n;"
        "ANALYZE calls_delivery"
    )


def test_rows_of_a_call_are_found_by_one_search(ledger: None) -> None:
    """Not by one search of each counter, which the former key led to."""
    rows = fetch(
        "EXPLAIN (ANALYZE, FORMAT JSON) SELECT 1 FROM calls_delivery"
        f" WHERE call_id = 4777 AND partition_at = {FIRST} + 4777 * interval '1 s'"
    )

    (scan,) = (node for node in nodes_of(rows[0][0][0]["Plan"]) if "Index Name" in node)
    assert scan["Index Name"].endswith("_pkey")
    assert scan["Actual Rows"] == 1
    assert scan["Index Searches"] == 1


@pytest.mark.django_db(transaction=True)
def test_stopped_migration_goes_on() -> None:
    call_command("migrate", "calls", "0025", verbosity=0)
    assert keys() == {FORMER_KEY}
    execute(
        "CREATE UNIQUE INDEX calls_delivery_past_key ON calls_delivery_past"
        " (call_id, partition_at, counter_id, channel);"
        "CREATE INDEX calls_delivery_default_key ON calls_delivery_default (call_id)"
    )

    call_command("migrate", "calls", verbosity=0)

    assert keys() == {KEY}
    assert fetch("SELECT indexrelid FROM pg_index WHERE NOT indisvalid") == []
    assert fetch("SELECT relname FROM pg_class WHERE relname LIKE 'calls_delivery%\\_key'") == []


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_while_the_migration_waits_for_a_long_transaction() -> None:
    change_key(MIGRATION.backwards)
    assert keys() == {FORMER_KEY}
    execute("CREATE INDEX calls_delivery_past_key ON calls_delivery_past (call_id)")
    others: list[Any] = []

    def read() -> None:
        execute("SET lock_timeout = '2s'")
        others.extend(fetch("SELECT count(*) FROM calls_delivery_past"))

    with transaction.atomic():
        fetch("SELECT count(*) FROM calls_delivery_past")  # as a backup holds it
        migrating = in_session(lambda: change_key(MIGRATION.forwards))
        wait_for_lock()
        reading = in_session(read)
        reading.join(timeout=60)
    migrating.join(timeout=60)

    assert others == [(0,)]
    assert keys() == {KEY}


def change_key(operation: Callable[[Any, Any], None]) -> None:
    """Run an operation of the migration, in a transaction if the migration is in one.

    The test above runs `migrate`, which undoes and makes all later migrations as well.
    """
    with connection.schema_editor(atomic=MIGRATION.Migration.atomic) as editor:
        operation(None, editor)


def keys() -> set[str]:
    """Return the primary keys of the table and of its partitions."""
    return {
        definition
        for (definition,) in fetch(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'p'"
            " AND conrelid::regclass::text ~ '^calls_delivery(_|$)'"
        )
    }


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def fetch(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())
