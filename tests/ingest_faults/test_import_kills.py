"""`manage.py import_calls` killed at random times and repeated stores the same calls."""

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
from calls.ways.import_steps import CALLS_PER_STEP
from tests import factories
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.servers import program
from tests.faults.wait import wait_for
from tests.paths import ROOT

ROWS, KILLS = 4 * CALLS_PER_STEP, 2
#: Records of the short and the long file, and how many of the long one are new.
SHORT, LONG, NEW_OF_LONG = 3 * CALLS_PER_STEP, 50_000, 5_000
#: Memory that a million records may add (statement A8) to that before the first record.
MEMORY_LIMIT_MB = 64
#: Memory that the length of the long file may add: its share of the limit for a million.
GROWTH_LIMIT_MB = MEMORY_LIMIT_MB * LONG / 1_000_000
Record = dict[str, Any]


def written(folder: Path, records: list[Record], name: str = "calls.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(records, ensure_ascii=False), encoding="utf-8")
    return file


@pytest.mark.contract("A8")
def test_import_killed_at_random_times_and_repeated_stores_the_same_calls(
    scenario: Scenario, environment: dict[str, str], log: Path, tmp_path: Path, result: Result
) -> None:
    scenario.link()
    file = written(tmp_path, [factories.v3_record() for _ in range(ROWS)])
    words = ("manage.py", "import_calls", str(file), f"--source={scenario.source.public_id}")
    rng = random.Random(20)
    for _ in range(KILLS):
        before = Call.objects.count()
        enough = before + rng.randrange(ROWS // (2 * KILLS))
        with program(*words, environment=environment, log=log) as process:
            wait_for(partial(_more_than, enough), seconds=60, what="a part of the file is stored")
            process.send_signal(signal.SIGKILL)
        assert before < Call.objects.count() < ROWS
        assert Delivery.objects.count() == Call.objects.count()

    last = subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, capture_output=True, check=True
    )

    counts = [int(number) for number in re.findall(r"\d+", last.stdout.decode())]
    created, _updated, already, rejected = counts
    assert (created + already, rejected) == (ROWS, 0)
    assert 0 < created < ROWS
    assert set(Call.objects.values_list("revision").distinct()) == {(1,)}
    assert Call.objects.count() == ROWS
    assert Delivery.objects.count() == ROWS
    result.fault = f"kill -9 of an import, {KILLS} times at random times"
    result.calls = ROWS


@pytest.mark.contract("A8")
def test_memory_of_an_import_does_not_grow_with_the_file(
    scenario: Scenario, environment: dict[str, str], tmp_path: Path, result: Result
) -> None:
    scenario.link()
    first = [factories.v3_record() for _ in range(SHORT)]
    new = [factories.v3_record() for _ in range(NEW_OF_LONG)]
    # Most of the long file are repeats, so the work is in the reader and not in the database.
    copies = (LONG - NEW_OF_LONG) // SHORT + 1
    short = written(tmp_path, first, "short.json")
    long = written(tmp_path, (new + first * copies)[:LONG], "long.json")

    answer = subprocess.run(
        [
            *(sys.executable, "-m", "tests.ingest_faults.measured_import"),
            # The short file twice: the first import fills caches.
            *(scenario.source.public_id, str(short), str(short), str(long)),
        ],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        check=True,
    )

    report = json.loads(answer.stdout)
    bare, _once, after_short, after_long = report["peaks"]
    alive = report["blocks"][2 * SHORT // CALLS_PER_STEP :]
    assert Call.objects.count() == SHORT + NEW_OF_LONG
    assert long.stat().st_size > 25_000_000
    assert len(alive) == LONG // CALLS_PER_STEP
    # Django alone needs more than the limit before the first record is read, so only what the
    # import adds is compared.
    assert after_long - bare < MEMORY_LIMIT_MB
    assert after_long - after_short < GROWTH_LIMIT_MB
    # Fewer than one object per ten records stays alive. The first step has no results of another
    # one beside it, the last one nothing that is read ahead.
    assert alive[-2] - alive[1] < LONG / 10
    result.fault = (
        f"import of {LONG} records: {after_long - bare:.0f} MB at most beyond the bare"
        f" {bare:.0f}, {after_long - after_short:.1f} of them for the length"
    )
    result.calls = SHORT + NEW_OF_LONG


def _more_than(count: int) -> bool:
    return Call.objects.count() > count
