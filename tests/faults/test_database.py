"""The database restarts, crashes, drops connections or is read-only: delivery continues."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from django.db import connection

from devtools.launcher.embedded import Postgres, Valkey
from devtools.launcher.parent_death import die_with_parent
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.sandbox_process import SandboxProcess
from tests.faults.scenario import Scenario
from tests.faults.wait import wait_for
from tests.paths import ROOT

CALLS = 30
SOAK_CALLS, RESTARTS = 1200, 3
SOAK_SECONDS = 120


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server with fsync: what it committed survives a crash."""
    server = Postgres(tmp_path / "postgres", password="only-for-tests")
    server.start()
    yield server
    server.stop()


@pytest.mark.contract("A1", "B21")
def test_database_killed_three_times_during_sending_loses_and_doubles_nothing(
    environment: dict[str, str],
    sandbox: SandboxProcess,
    postgres: Postgres,
    valkey: Valkey,
    tmp_path: Path,
    result: Result,
) -> None:
    # An installation of its own: the marks of another one's database stop every sender.
    variables = environment | {
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
        "INSTALLATION_FILE": str(tmp_path / "installation.json"),
    }
    for command in (("build_schema",), ("migrate", "-v0")):
        manage(*command, environment=variables).communicate(timeout=SOAK_SECONDS)
    report = tmp_path / "report.json"
    words = ("soak", "--minutes=0.3", f"--calls={SOAK_CALLS}", "--kills=2", f"--report={report}")
    with killed_in_the_end(manage(*words, environment=variables)) as soak:
        wait_for(lambda: sandbox.posts() > 0, seconds=60, what="the first file is sent")
        for signal_number in (signal.SIGQUIT, signal.SIGKILL, signal.SIGQUIT)[:RESTARTS]:
            posts = sandbox.posts()
            assert postgres.process is not None
            postgres.process.send_signal(signal_number)
            postgres.process.wait()
            postgres.start()
            has_sent_more = partial(_has_sent_more, sandbox, posts, soak)
            wait_for(has_sent_more, seconds=60, what="files are sent again")
        output, _nothing = soak.communicate(timeout=SOAK_SECONDS)

    assert soak.returncode == 0, output
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert figures["balance"]["calls"] == SOAK_CALLS
    assert (figures["balance"]["doubles"], figures["balance"]["losses"]) == (0, 0)
    result.fault = f"PostgreSQL stopped at once, {RESTARTS} times (one kill -9), during sending"
    result.calls, result.rows = SOAK_CALLS, figures["balance"]["held"]
    result.seconds = figures["drain_seconds"]


@pytest.mark.contract("B4", "B21")
def test_dropped_database_connections_lose_and_double_nothing(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link(counters=4)
    for _ in range(2):
        workers.start(pace={"UPLOAD_MAX_ROWS": 3})
    scenario.receive_calls(CALLS)
    stop_at = time.monotonic() + 3
    dropped = 0
    while time.monotonic() < stop_at:
        dropped += drop_connections()
        time.sleep(0.15)  # the interval between two faults, not a wait for a condition

    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert dropped > 5
    result.fault = f"{dropped} connections dropped by the database"
    result.measure(balance, seconds)


@pytest.mark.contract("B22")
def test_read_only_database_delays_delivery_and_loses_nothing(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link()
    scenario.receive_calls(CALLS)
    refuse_writing("on")
    try:
        worker = workers.start()
        wait_for(lambda: backends() > 0, seconds=10, what="the worker has tried")
        assert worker.is_alive
        assert scenario.sandbox.posts() == 0
    finally:
        refuse_writing("off")
    drop_connections()

    seconds = scenario.wait_settled()

    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = "the database is read-only for a while"
    result.measure(balance, seconds)


def _has_sent_more(sandbox: SandboxProcess, posts: int, soak: subprocess.Popen[str]) -> bool:
    return sandbox.posts() > posts or soak.poll() is not None


def manage(*words: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


@contextmanager
def killed_in_the_end(process: subprocess.Popen[str]) -> Iterator[subprocess.Popen[str]]:
    """Leave no process behind when the test fails."""
    with process:
        try:
            yield process
        finally:
            process.kill()


def drop_connections() -> int:
    """Terminate every other session of the test database; return their number."""
    return _ask(
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()) AS cut"
    )


def backends() -> int:
    """Return the number of other sessions."""
    return _ask(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def refuse_writing(value: str) -> None:
    """Make new sessions of the test database read-only, or not."""
    known = connection.settings_dict
    outside = psycopg2.connect(
        host=known["HOST"],
        port=known["PORT"],
        user=known["USER"],
        password=known["PASSWORD"],
        dbname="postgres",
    )
    outside.autocommit = True
    with outside.cursor() as cursor:
        cursor.execute(
            f'ALTER DATABASE "{known["NAME"]}" SET default_transaction_read_only = {value}'
        )
    outside.close()


def _ask(question: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return int(cursor.fetchone()[0])
