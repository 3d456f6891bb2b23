"""A short run of `manage.py soak`, which makes traffic, faults and kills by itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devtools.launcher.parent_death import die_with_parent
from devtools.soak.balance import Balance
from devtools.soak.run import find_failures
from tests.faults.results import Result
from tests.faults.sandbox_process import SandboxProcess
from tests.paths import ROOT

CALLS, KILLS = 600, 4
LIMIT_SECONDS = 120


@pytest.mark.contract("B1", "B4", "B5", "B14", "B15", "C5")
def test_small_soak_has_no_double_and_no_loss(
    transactional_db: None,
    sandbox: SandboxProcess,
    environment: dict[str, str],
    tmp_path: Path,
    result: Result,
) -> None:
    report = tmp_path / "report.json"

    code, words = soak(
        environment, "--minutes=0.15", f"--calls={CALLS}", f"--kills={KILLS}", "--faults",
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


EVEN = Balance(
    calls=1,
    counters=1,
    routed=1,
    routed_rows=1,
    rows_by_state={"BATCHED": 1},
    uploads_by_state={"processed": 1},
    sent=1,
    attached=1,
    held=1,
    doubles=0,
    losses=0,
    alike=0,
)


@pytest.mark.contract("B14", "B15")
@pytest.mark.parametrize(
    ("max_parallel", "max_per_second", "handed_in", "findings"),
    [
        ({"okna": 3, "ural": 3}, 30, 1, []),
        ({}, 0, 1, []),
        ({"okna": 3, "ural": 4}, 30, 1, ["more than 3 requests of a login at a time"]),
        ({"okna": 3}, 31, 1, ["more than 30 requests in one second: 31"]),
        ({"okna": 3}, 30, 2, ["2 calls handed in, 1 stored"]),
    ],
)
def test_peak_above_a_quota_of_yandex_fails_the_soak(
    max_parallel: dict[str, int], max_per_second: int, handed_in: int, findings: list[str]
) -> None:
    found = find_failures(
        EVEN, handed_in=handed_in, max_parallel=max_parallel, max_per_second=max_per_second
    )

    assert [sentence.partition(": {")[0] for sentence in found] == findings


def soak(environment: dict[str, str], *words: str) -> tuple[int, str]:
    """Run the command; return its exit code and its output."""
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
