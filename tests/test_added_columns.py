"""Migrations of a running product: processes of the former version go on while they are applied."""

from __future__ import annotations

import inspect
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection
from django.db.migrations import AddField, Migration, RunPython, RunSQL
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Delivery
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.stored import row_of, store_call

#: App → the first migration that was written for a database in use.
SINCE = {"cabinets": "0002", "calls": "0009", "counters": "0003"}
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"


def migrations() -> list[Migration]:
    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return [one for (app, name), one in sorted(found.items()) if name >= SINCE.get(app, "9")]


ADDED = [
    (
        f"{migration.app_label}_{operation.model_name_lower}",
        f"{operation.name}_id" if operation.field.is_relation else operation.name,
    )
    for migration in migrations()
    for operation in migration.operations
    if isinstance(operation, AddField)
]


@pytest.mark.django_db
@pytest.mark.parametrize(("table", "name"), ADDED)
def test_former_version_may_leave_out_an_added_column(table: str, name: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT is_nullable, column_default IS NOT NULL FROM information_schema.columns"
            " WHERE table_schema = current_schema() AND table_name = %s AND column_name = %s",
            [table, name],
        )
        ((is_nullable, has_default),) = cursor.fetchall()

    assert is_nullable == "YES" or has_default


def test_columns_of_all_apps_are_compared() -> None:
    assert len(ADDED) >= 15
    assert {table for table, _name in ADDED} == {
        "cabinets_callsource",
        "calls_call",
        "calls_freshness",
        "calls_listuse",
        "calls_logrequest",
        "calls_metrikareport",
        "calls_rejectedrecord",
        "calls_restorerun",
        "calls_upload",
        "calls_uploadfile",
        "counters_counter",
    }


@pytest.mark.parametrize("migration", migrations(), ids=str)
def test_migration_waits_for_its_locks_for_five_seconds_only(migration: Migration) -> None:
    if not migration.atomic:
        assert_blocks_no_writes(migration)
        return
    first: Any = migration.operations[0]
    assert isinstance(first, RunSQL)
    assert first.sql == LOCK_TIMEOUT


def assert_blocks_no_writes(migration: Migration) -> None:
    """CONCURRENTLY waits for other transactions, and nothing but DDL waits for it."""
    for one in migration.operations:
        operation: Any = one
        if isinstance(one, RunPython):
            assert "CONCURRENTLY" in inspect.getsource(import_module(operation.code.__module__))
        else:
            assert isinstance(one, AddIndexConcurrently) or "CONCURRENTLY" in operation.sql


@pytest.mark.parametrize(("accepts_static", "mode"), [(False, "skip"), (True, "static")])
def test_counters_without_static_calls_get_no_unlinked_ones(
    account: YandexAccount, accepts_static: bool, mode: str
) -> None:
    counter = factories.make_counter(account=account, accepts_static=accepts_static)
    assert counter.unlinked_mode == "static"

    execute(import_module("counters.migrations.0005_unlinked_and_subdomains").CLOSED)

    assert Counter.objects.get(pk=counter.pk).unlinked_mode == mode


def test_only_calls_that_can_be_linked_wait_for_the_first_settings(
    cabinet: Cabinet, account: YandexAccount
) -> None:
    factories.make_counter(account=account, configured_at=None, settings_saved_at=None)
    fresh, late = store_call(cabinet=cabinet), store_call(cabinet=cabinet)
    Delivery.objects.update(state=2, reason="not_configured", waited=False)
    Delivery.objects.filter(call_id=late.pk).update(
        expires_at=timezone.now() - timedelta(minutes=1), not_before=None
    )

    execute(import_module("calls.migrations.0009_waits_for_settings").WAIT)

    assert (row_of(fresh).waited, row_of(late).waited) == (True, False)


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
