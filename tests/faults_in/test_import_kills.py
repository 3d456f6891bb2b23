"""`manage.py import_calls` killed at random moments and run again gives the same set."""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from calls.models import Call, Delivery
from tests import factories
from tests.faults.crew import ROOT
from tests.faults.patience import wait_for
from tests.faults.results import Result
from tests.faults.servers import program
from tests.faults.stage import Stage

ROWS, KILLS = 6_000, 3
#: A long file of few calls: the database has little to do, the reader everything.
COPIES, DISTINCT = 100, 500
MEMORY_LIMIT_MB = 150
#: The command as `manage.py` runs it, which then says how much memory it ever had.
MEASURED = """
import sys
from django.core.management import execute_from_command_line
execute_from_command_line(["manage.py", *sys.argv[1:]])
print(open("/proc/self/status").read())
"""
Record = dict[str, Any]


def written(folder: Path, records: list[Record]) -> Path:
    file = folder / "calls.json"
    file.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return file


@pytest.mark.contract("A8")
def test_import_killed_at_random_moments_and_run_again_gives_the_same_set(
    stage: Stage, environment: dict[str, str], log: Path, tmp_path: Path, result: Result
) -> None:
    stage.link()
    file = written(tmp_path, [factories.v3_record() for _ in range(ROWS)])
    words = ("manage.py", "import_calls", str(file), f"--source={stage.source.public_id}")
    dice = random.Random(20)
    for _ in range(KILLS):
        before = Call.objects.count()
        enough = before + dice.randrange(ROWS // (2 * KILLS))
        with program(*words, environment=environment, log=log) as process:
            wait_for(partial(_more_than, enough), seconds=60, what="a part of the file is in")
            process.send_signal(signal.SIGKILL)
        assert before < Call.objects.count() < ROWS
        assert Delivery.objects.count() == 2 * Call.objects.count()

    last = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, check=True
    )

    told = [int(number) for number in re.findall(r"\d+", last.stdout.decode())]
    created, _updated, already, rejected = told
    assert (created + already, rejected) == (ROWS, 0)
    assert 0 < created < ROWS
    assert set(Call.objects.values_list("revision").distinct()) == {(1,)}
    assert Call.objects.count() == ROWS
    assert Delivery.objects.count() == 2 * ROWS
    result.fault = f"kill -9 of an import, {KILLS} times at random moments"
    result.calls = ROWS


@pytest.mark.contract("A8")
def test_memory_of_an_import_does_not_grow_with_the_file(
    stage: Stage, environment: dict[str, str], tmp_path: Path, result: Result
) -> None:
    peaks = {}
    records = [factories.v3_record() for _ in range(DISTINCT)]
    for copies in (1, COPIES):
        file = written(tmp_path, records * copies)
        words = ["-c", MEASURED, "import_calls", str(file), f"--source={stage.source.public_id}"]
        answer = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        peak = re.search(r"VmHWM:\s+(\d+) kB", answer.stdout)
        assert peak is not None
        peaks[copies] = int(peak[1]) / 1024

    assert Call.objects.count() == DISTINCT
    assert file.stat().st_size > 25_000_000
    assert peaks[COPIES] < MEMORY_LIMIT_MB
    assert peaks[COPIES] - peaks[1] < 10
    result.fault = (
        f"import of {COPIES * DISTINCT} records: {peaks[COPIES]:.0f} MB of memory at most"
    )
    result.calls = DISTINCT


def _more_than(count: int) -> bool:
    return Call.objects.count() > count
