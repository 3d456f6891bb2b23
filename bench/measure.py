"""Measures work: time, processor time of every process, statements and bytes of WAL."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import psutil
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.figure import Run

MEGABYTE = 1024 * 1024
COMMANDS = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT", "SET ", "ROLLBACK")
EXECUTION = "; EXECUTE "


def timed(work: Callable[[], float], *, without_this_process: bool = False) -> Run:
    """Do the work, which returns its number of units.

    ``without_this_process`` leaves out the processor time of this process, when it is only the
    client of servers.
    """
    cpu, own, began = cpu_seconds(), _own_seconds(), time.perf_counter()
    units = work()
    wall = time.perf_counter() - began
    spent = cpu_seconds() - cpu
    return Run(units, wall, spent - (_own_seconds() - own if without_this_process else 0))


def cpu_seconds() -> float:
    """Return user and system time of this process and all its descendants, also ended ones.

    The servers and the sessions of PostgreSQL are among them. An ended process is counted in the
    times of the children of the one that waited for it.
    """
    this = psutil.Process()
    total = 0.0
    for process in (this, *this.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total


def _own_seconds() -> float:
    times = psutil.Process().cpu_times()
    return float(times.user + times.system)


def statements(work: Callable[[], object]) -> list[str]:
    """Return the SQL statements that the work executes, with their values.

    Without the commands of transactions, which have no plan; settings that come in one round trip
    with the execution of a prepared statement count as one with it.
    """
    with CaptureQueriesContext(connection) as captured:
        work()
    found = [str(query["sql"]) for query in captured.captured_queries]
    return [one for one in found if EXECUTION in one or not one.startswith(COMMANDS)]


def wal_bytes(work: Callable[[], object]) -> int:
    """Return how many bytes of WAL this session writes. Not inside a transaction."""
    before = _wal_of_session()
    work()
    return _wal_of_session() - before


def _wal_of_session() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT wal_bytes FROM pg_stat_get_backend_wal(pg_backend_pid())")
        return int(cursor.fetchone()[0])
