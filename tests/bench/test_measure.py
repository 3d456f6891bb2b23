"""What the benchmark measures beside time."""

from __future__ import annotations

import subprocess
import sys

import pytest
from django.db import connection, transaction

from bench import measure
from bench.memory import in_new_process
from bench.world import execute

BUSY = "import time\nwhile time.process_time() < 0.4: pass"
HELD = 40 * 1024 * 1024


def hold(size: str) -> None:
    """Have this many bytes in memory for a moment."""
    assert len(b"x" * int(size)) == int(size)


def test_processor_time_includes_processes_that_have_ended() -> None:
    def work() -> int:
        subprocess.run([sys.executable, "-c", BUSY], check=True)
        return 1

    assert measure.timed(work).cpu >= 0.3
    assert measure.timed(work, without_this_process=True).cpu >= 0.3


@pytest.mark.django_db(transaction=True)
def test_statements_are_counted_without_those_of_the_transaction() -> None:
    def work() -> None:
        with transaction.atomic(), transaction.atomic():
            execute("SELECT 1")
            execute("SELECT 2")

    assert measure.statements(work) == ["SELECT 1", "SELECT 2"]


@pytest.mark.django_db(transaction=True)
def test_bytes_of_wal_are_those_of_this_session() -> None:
    execute("CREATE TABLE bench_wal (text text)")

    written = measure.wal_bytes(
        lambda: execute(
            "INSERT INTO bench_wal SELECT repeat('x', 100) FROM generate_series(1, 100)"
        )
    )

    assert 10_000 < written < 40_000
    assert measure.wal_bytes(lambda: connection.ensure_connection()) < 1000
    execute("DROP TABLE bench_wal")


def test_peak_memory_is_over_that_of_an_idle_process() -> None:
    peak = in_new_process(hold, str(HELD), small="1")

    assert peak is not None
    assert 38 < peak.megabytes < 60
