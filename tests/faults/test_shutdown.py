"""SIGTERM in the middle of an upload: it ends, nothing new begins."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from calls.models import Upload
from devtools.launcher.parent_death import die_with_parent
from tests.faults.processes import Crew, Worker
from tests.faults.results import Result
from tests.faults.stage import Stage
from tests.faults.wait import wait_for
from tests.faults.worker import PACE
from tests.paths import ROOT

CALLS = 5
LIMIT_SECONDS = PACE["CONNECT_TIMEOUT_SECONDS"] + PACE["UPLOAD_READ_TIMEOUT_SECONDS"] + 5


@pytest.mark.contract("B25")
def test_stopped_worker_ends_its_upload_and_begins_no_other(
    stage: Stage, crew: Crew, result: Result
) -> None:
    stage.link(counters=3)
    stage.sandbox.fault("latency", times=None, ms=600, match={"path_contains": "upload_calls"})
    worker = crew.hire(at="before_body", act="term")
    stage.calls(CALLS)

    seconds = worker.wait_dead(LIMIT_SECONDS)

    states = sorted(Upload.objects.values_list("state", "attempts"))
    assert states == [("ready", 0), ("ready", 0), ("sent", 1)]
    assert stage.sandbox.posts() == 1
    result.fault = "SIGTERM in the middle of an upload; two more are due"
    result.calls, result.rows, result.seconds = CALLS, CALLS, round(seconds, 1)


@pytest.mark.contract("B25")
def test_run_sender_delivers_without_a_broker_and_ends_when_asked(
    stage: Stage, environment: dict[str, str], result: Result
) -> None:
    stage.link()
    no_broker = {"REDIS_URL": "redis://127.0.0.1:9/0", "UPLOAD_MIN_WAIT_SECONDS": "0"}
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_sender", "--interval=0.1"],
        cwd=ROOT,
        env={**os.environ, **environment, **no_broker, "POLL_SECONDS": "1"},
        stderr=subprocess.DEVNULL,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    stage.calls(CALLS)

    seconds = stage.wait_settled()
    process.terminate()

    assert process.wait(LIMIT_SECONDS) == 0
    balance = stage.balance()
    assert balance.mismatches() == []
    result.fault = "no broker at all: run_sender delivers"
    result.measure(balance, seconds)


def test_run_sender_may_do_a_single_round(stage: Stage, environment: dict[str, str]) -> None:
    stage.link()
    stage.calls(CALLS)

    subprocess.run(
        [sys.executable, "manage.py", "run_sender", "--once"],
        cwd=ROOT,
        env={**os.environ, **environment, "UPLOAD_MIN_WAIT_SECONDS": "0"},
        check=True,
        capture_output=True,
    )

    assert [upload.state for upload in stage.uploads()] == ["sent"]


def test_worker_dies_with_the_process_that_was_killed(crew: Crew) -> None:
    worker = crew.hire()
    wait_for(lambda: worker.is_alive, seconds=5, what="the worker lives")

    worker.send(signal.SIGKILL)

    assert Worker(worker.pid).wait_dead() < 5
