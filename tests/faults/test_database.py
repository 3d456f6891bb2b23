"""The database restarts, dies, drops connections, refuses to write: delivery goes on after it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg2
import pytest
from django.db import connection

from devtools.launcher.embedded import Postgres
from devtools.launcher.parent_death import die_with_parent
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.sandbox_process import StandIn
from tests.faults.stage import Stage
from tests.faults.wait import wait_for
from tests.paths import ROOT

CALLS = 30
SOAK_CALLS, RESTARTS = 1200, 3
SOAK_SECONDS = 120


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[Postgres]:
    """A server that keeps its promises: what it called committed survives its own death."""
    server = Postgres(tmp_path / "postgres", password="only-for-tests")
    server.start()
    yield server
    server.stop()


@pytest.mark.contract("A1", "B21")
def test_database_killed_three_times_during_sending_costs_nothing(
    environment: dict[str, str],
    sandbox: StandIn,
    postgres: Postgres,
    tmp_path: Path,
    result: Result,
) -> None:
    told = environment | {"DATABASE_URL": postgres.url}
    manage("migrate", "-v0", environment=told).communicate(timeout=SOAK_SECONDS)
    report = tmp_path / "report.json"
    words = ("soak", "--minutes=0.3", f"--calls={SOAK_CALLS}", "--kills=2", f"--report={report}")
    soak = manage(*words, environment=told)
    wait_for(lambda: sandbox.posts() > 0, seconds=60, what="the first file is sent")
    for signal_number in (signal.SIGQUIT, signal.SIGKILL, signal.SIGQUIT)[:RESTARTS]:
        posts = sandbox.posts()
        assert postgres.process is not None
        postgres.process.send_signal(signal_number)
        postgres.process.wait()
        postgres.start()
        wait_for(partial(_goes_on, sandbox, posts, soak), seconds=60, what="files are sent again")

    output, _nothing = soak.communicate(timeout=SOAK_SECONDS)

    assert soak.returncode == 0, output
    figures = json.loads(report.read_text(encoding="utf-8"))
    assert figures["balance"]["calls"] == SOAK_CALLS
    assert (figures["balance"]["doubles"], figures["balance"]["losses"]) == (0, 0)
    result.fault = f"PostgreSQL stopped at once, {RESTARTS} times (one kill -9), during sending"
    result.calls, result.rows = SOAK_CALLS, figures["balance"]["held"]
    result.seconds = figures["drain_seconds"]


@pytest.mark.contract("B4", "B21")
def test_dropped_connections_cost_nothing(stage: Stage, crew: Crew, result: Result) -> None:
    stage.link(counters=4)
    for _ in range(2):
        crew.hire(pace={"UPLOAD_MAX_ROWS": 3})
    stage.calls(CALLS)
    stop_at = time.monotonic() + 3
    dropped = 0
    while time.monotonic() < stop_at:
        dropped += drop_connections()
        time.sleep(0.15)  # the pause between two blows, not a wait for something

    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    assert dropped > 5
    result.fault = f"{dropped} connections dropped by the database"
    result.measure(balance, seconds)


@pytest.mark.contract("B22")
def test_database_that_cannot_write_only_delays(stage: Stage, crew: Crew, result: Result) -> None:
    stage.link()
    stage.calls(CALLS)
    refuse_writing("on")
    try:
        worker = crew.hire()
        wait_for(lambda: backends() > 0, seconds=10, what="the worker has tried")
        assert worker.is_alive
        assert stage.sandbox.posts() == 0
    finally:
        refuse_writing("off")
    drop_connections()

    seconds = stage.wait_settled()

    balance = stage.balance()
    assert balance.mismatches() == []
    result.fault = "the database is read-only for a while"
    result.measure(balance, seconds)


def _goes_on(sandbox: StandIn, posts: int, soak: subprocess.Popen[str]) -> bool:
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


def drop_connections() -> int:
    """Cut every other session of the test database; return how many."""
    return _ask(
        "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()) AS cut"
    )


def backends() -> int:
    """Return how many other sessions there are."""
    return _ask(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


def refuse_writing(word: str) -> None:
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
            f'ALTER DATABASE "{known["NAME"]}" SET default_transaction_read_only = {word}'
        )
    outside.close()


def _ask(question: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(question)
        return int(cursor.fetchone()[0])
