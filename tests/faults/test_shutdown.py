"""SIGTERM in the middle of an upload: the upload finishes and no other starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from calls.models import Upload
from devtools.launcher.parent_death import die_with_parent
from tests.faults.processes import Worker, WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.wait import wait_for
from tests.faults.worker import PACE
from tests.paths import ROOT

CALLS = 5
LIMIT_SECONDS = PACE["CONNECT_TIMEOUT_SECONDS"] + PACE["UPLOAD_READ_TIMEOUT_SECONDS"] + 5


@pytest.mark.contract("B25")
def test_worker_finishes_its_upload_on_sigterm_and_starts_no_other(
    scenario: Scenario, workers: WorkerProcesses, result: Result
) -> None:
    scenario.link(counters=3)
    scenario.sandbox.fault("latency", times=None, ms=600, match={"path_contains": "upload_calls"})
    worker = workers.start(at="before_body", act="term")
    scenario.receive_calls(CALLS)

    seconds = worker.wait_dead(LIMIT_SECONDS)

    states = sorted(Upload.objects.values_list("state", "attempts"))
    assert states == [("ready", 0), ("ready", 0), ("sent", 1)]
    assert scenario.sandbox.posts() == 1
    result.fault = "SIGTERM in the middle of an upload; two more are due"
    result.calls, result.rows, result.seconds = CALLS, CALLS, round(seconds, 1)


@pytest.mark.contract("B25")
def test_run_sender_delivers_without_a_broker_and_exits_on_sigterm(
    scenario: Scenario, environment: dict[str, str], result: Result
) -> None:
    scenario.link()
    no_broker = {"REDIS_URL": "redis://127.0.0.1:9/0", "UPLOAD_MIN_WAIT_SECONDS": "0"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_sender", "--interval=0.1"],
        cwd=ROOT,
        env={**os.environ, **environment, **no_broker, "POLL_SECONDS": "1"},
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    scenario.receive_calls(CALLS)

    seconds = scenario.wait_settled()
    process.terminate()

    assert process.wait(LIMIT_SECONDS) == 0
    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = "no broker at all: run_sender delivers"
    result.measure(balance, seconds)


def test_run_sender_once_runs_a_single_round(
    scenario: Scenario, environment: dict[str, str]
) -> None:
    scenario.link()
    scenario.receive_calls(CALLS)

    subprocess.run(
        [sys.executable, "manage.py", "run_sender", "--once"],
        cwd=ROOT,
        env={**os.environ, **environment, "UPLOAD_MIN_WAIT_SECONDS": "0"},
        check=True,
        capture_output=True,
    )

    assert [upload.state for upload in scenario.uploads()] == ["sent"]


def test_killed_worker_process_is_seen_as_dead(workers: WorkerProcesses) -> None:
    worker = workers.start()
    wait_for(lambda: worker.is_alive, seconds=5, what="the worker is running")

    worker.send(signal.SIGKILL)

    assert Worker(worker.pid).wait_dead() < 5
