"""Partitions created while other sessions do the same, run statements, hold locks, or one dies.

Nothing here is rolled back at the end of a test.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction

from calls.models import Call, Delivery
from calls.runtime import partitions
from tests import factories
from tests.calls.locks import wait_for_lock
from tests.calls.runtime.months import (
    AHEAD,
    DECEMBER,
    MONTHS,
    NOVEMBER,
    all_partitions,
    fetch,
    partitions_with,
)
from tests.calls.stored import store_call


@pytest.fixture
def cleaned_up(transactional_db: None) -> Iterator[None]:
    """Delete the rows and the partitions that the test created."""
    before = all_partitions()
    yield
    Call.objects.all().delete()
    Delivery.objects.all().delete()
    for name in all_partitions() - before:
        fetch(f"DROP TABLE {name}; SELECT 1")


@pytest.fixture
def late_rows(cleaned_up: None) -> Iterator[tuple[int, int]]:
    """Calls of two months without partitions; the numbers of rows of both tables."""
    with time_machine.travel(DECEMBER, tick=False):
        cabinet = factories.make_cabinet()
        factories.make_counter(account=factories.make_account(cabinet=cabinet))
        for days in (0, 1, 25):
            store_call(cabinet=cabinet, started_at=DECEMBER - timedelta(days=days))
        yield 3, 3


def counts() -> tuple[int, int]:
    return Call.objects.count(), Delivery.objects.count()


def in_session(action: Callable[[], Any]) -> Any:
    try:
        return action()
    finally:
        connection.close()


def test_concurrent_runs_create_each_month_once(
    late_rows: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Barrier(3)

    def run() -> list[str]:
        start.wait(timeout=60)
        return partitions.keep_up(now=DECEMBER)

    with ThreadPoolExecutor(3) as pool:
        made = [name for names in pool.map(in_session, [run] * 3) for name in names]

    assert sorted(made) == sorted([*AHEAD, *NOVEMBER])
    assert [message for message in caplog.messages if "was not made" in message] == []
    assert counts() == late_rows
    assert partitions.misfiled_rows() == {}


def test_a_statement_that_runs_while_rows_move_finds_them(
    late_rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    attach, updates = partitions._attach, []
    late = Delivery.objects.filter(partition_at__gte=DECEMBER)
    assert partitions_with(Delivery, pk__in=late) == {"calls_delivery_default"}

    with ThreadPoolExecutor(1) as pool:

        def attach_during_update(parent: str, month: Any) -> None:
            if f"{parent}_{month:%Y_%m}" == f"calls_delivery_{MONTHS[0]}":
                updates.append(pool.submit(in_session, lambda: late.update(waited=True)))
                wait_for_lock()
            attach(parent, month)

        monkeypatch.setattr(partitions, "_attach", attach_during_update)
        partitions.keep_up(now=DECEMBER)
        updated = updates[0].result(timeout=60)

    assert updated == 1
    assert partitions_with(Delivery, waited=True) == {f"calls_delivery_{MONTHS[0]}"}


def test_a_run_killed_before_attaching_leaves_all_rows(
    late_rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = []

    def die(parent: str, month: Any) -> None:
        moved.extend(fetch(f"SELECT count(*) FROM {parent}_{month:%Y_%m}"))
        fetch("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(partitions, "_attach", die)
        assert in_session(lambda: partitions.keep_up(now=DECEMBER)) == []

    assert (1,) in moved
    assert counts() == late_rows
    assert partitions_with(Call) == {"calls_call_default"}

    partitions.keep_up(now=DECEMBER)
    assert counts() == late_rows
    assert partitions.misfiled_rows() == {}


def test_a_table_locked_by_others_is_left_for_the_next_run(
    late_rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "100ms")
    caplog.set_level(logging.ERROR)

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        assert counts() == late_rows  # locks both tables until the end of the transaction
        fetch("LOCK TABLE ONLY calls_call IN ACCESS SHARE MODE; SELECT 1")
        made = pool.submit(in_session, lambda: partitions.keep_up(now=DECEMBER)).result(timeout=60)

    assert made == []
    assert f"calls_call_{MONTHS[0]} was not made: OperationalError, 55P03" in caplog.messages
    assert set(AHEAD) <= set(partitions.keep_up(now=DECEMBER))
    assert counts() == late_rows
