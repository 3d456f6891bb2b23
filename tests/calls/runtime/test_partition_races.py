"""Months made and mended beside other sessions: rivals, statements on their way, a sudden death.

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
from tests.calls.delivery.test_sending import wait_for_lock
from tests.calls.runtime.months import (
    AHEAD,
    DECEMBER,
    MONTHS,
    NOVEMBER,
    all_partitions,
    fetched,
    where,
)
from tests.calls.stored import store_call


@pytest.fixture
def swept(transactional_db: None) -> Iterator[None]:
    """Take away what the test made, after its rows are gone."""
    before = all_partitions()
    yield
    Call.objects.all().delete()
    Delivery.objects.all().delete()
    for name in all_partitions() - before:
        fetched(f"DROP TABLE {name}; SELECT 1")


@pytest.fixture
def late_rows(swept: None) -> Iterator[tuple[int, int]]:
    """Calls of two months that have no partition, and how many rows of each table there are."""
    with time_machine.travel(DECEMBER, tick=False):
        cabinet = factories.make_cabinet()
        factories.make_counter(account=factories.make_account(cabinet=cabinet))
        for days in (0, 1, 25):
            store_call(cabinet=cabinet, started_at=DECEMBER - timedelta(days=days))
        yield 3, 6


def counts() -> tuple[int, int]:
    return Call.objects.count(), Delivery.objects.count()


def beside(action: Callable[[], Any]) -> Any:
    try:
        return action()
    finally:
        connection.close()


def test_two_runs_at_once_make_each_month_once(
    late_rows: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Barrier(3)

    def run() -> list[str]:
        start.wait(timeout=10)
        return partitions.keep_up(now=DECEMBER)

    with ThreadPoolExecutor(3) as pool:
        made = [name for names in pool.map(beside, [run] * 3) for name in names]

    assert sorted(made) == sorted([*AHEAD, *NOVEMBER])
    assert [message for message in caplog.messages if "was not made" in message] == []
    assert counts() == late_rows
    assert partitions.misfiled_rows() == {}


def test_a_statement_that_comes_while_rows_move_still_finds_them(
    late_rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    attach, updates = partitions._attach, []
    late = Delivery.objects.filter(partition_at__gte=DECEMBER)
    assert where(Delivery, pk__in=late) == {"calls_delivery_default"}

    with ThreadPoolExecutor(1) as pool:

        def attach_while_another_updates(parent: str, month: Any) -> None:
            if f"{parent}_{month:%Y_%m}" == f"calls_delivery_{MONTHS[0]}":
                updates.append(pool.submit(beside, lambda: late.update(waited=True)))
                wait_for_lock()
            attach(parent, month)

        monkeypatch.setattr(partitions, "_attach", attach_while_another_updates)
        partitions.keep_up(now=DECEMBER)
        updated = updates[0].result(timeout=10)

    assert updated == 2
    assert where(Delivery, waited=True) == {f"calls_delivery_{MONTHS[0]}"}


def test_a_run_killed_between_moving_and_attaching_leaves_all_rows(
    late_rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = []

    def die(parent: str, month: Any) -> None:
        moved.extend(fetched(f"SELECT count(*) FROM {parent}_{month:%Y_%m}"))
        fetched("SELECT pg_terminate_backend(pg_backend_pid())")

    with monkeypatch.context() as patched:
        patched.setattr(partitions, "_attach", die)
        assert beside(lambda: partitions.keep_up(now=DECEMBER)) == []

    assert (1,) in moved
    assert counts() == late_rows
    assert where(Call) == {"calls_call_default"}

    partitions.keep_up(now=DECEMBER)
    assert counts() == late_rows
    assert partitions.misfiled_rows() == {}


def test_a_table_that_is_in_use_for_long_is_left_for_the_next_run(
    late_rows: tuple[int, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(partitions, "LOCK_TIMEOUT", "100ms")
    caplog.set_level(logging.ERROR)

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        assert counts() == late_rows  # holds both tables to the end of the transaction
        fetched("LOCK TABLE ONLY calls_call IN ACCESS SHARE MODE; SELECT 1")
        made = pool.submit(beside, lambda: partitions.keep_up(now=DECEMBER)).result(timeout=30)

    assert made == []
    assert f"calls_call_{MONTHS[0]} was not made: OperationalError, 55P03" in caplog.messages
    assert set(AHEAD) <= set(partitions.keep_up(now=DECEMBER))
    assert counts() == late_rows
