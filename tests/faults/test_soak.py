"""The soak in small: minutes of traffic, faults and deaths are the command's own business."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launcher.tether import die_with_parent
from tests.faults.crew import ROOT
from tests.faults.results import Result
from tests.faults.stand_in import StandIn

CALLS, KILLS = 1500, 6
LIMIT_SECONDS = 120


@pytest.mark.contract("B1", "B4", "B5", "B14", "B15", "C5")
def test_small_soak_balances_to_the_row(
    transactional_db: None,
    sandbox: StandIn,
    environment: dict[str, str],
    tmp_path: Path,
    result: Result,
) -> None:
    report = tmp_path / "report.json"

    code, words = soak(
        environment, "--minutes=0.25", f"--calls={CALLS}", f"--kills={KILLS}", "--faults",
        f"--report={report}",
    )  # fmt: skip

    assert code == 0, words
    figures = json.loads(report.read_text(encoding="utf-8"))
    balance = figures["balance"]
    assert figures["findings"] == []
    assert (balance["calls"], balance["doubles"], balance["losses"]) == (CALLS, 0, 0)
    assert balance["held"] == balance["sent"] > CALLS
    assert figures["kills"] == KILLS
    result.fault = f"soak: {KILLS} kills, {sum(figures['faults'].values())} faults of Metrika"
    result.calls, result.rows = balance["calls"], balance["held"]
    result.seconds = figures["drain_seconds"]


def test_soak_refuses_any_host_but_the_sandbox(
    transactional_db: None, environment: dict[str, str]
) -> None:
    real = environment | {"METRIKA_API_URL": "https://api-metrika.yandex.net"}

    code, words = soak(real, "--minutes=0.1", "--calls=1")

    assert code == 1
    assert "https://api-metrika.yandex.net is not the sandbox" in words


def soak(environment: dict[str, str], *words: str) -> tuple[int, str]:
    """Run the command; return its exit code and what it said."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "soak", *words],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )
    began = time.monotonic()
    output, _nothing = process.communicate(timeout=LIMIT_SECONDS)
    assert time.monotonic() - began < LIMIT_SECONDS
    return process.returncode, output
