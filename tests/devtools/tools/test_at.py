"""A command at another moment: the wall clock of all its processes is moved, and nothing else."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devtools.tools import at

LEAP_DAY = datetime(2028, 2, 29, 23, 40, tzinfo=UTC)
WRITE_CLOCKS = """
import sys, time
from datetime import datetime, timezone
time.sleep(0.2)
with open(sys.argv[1], "a") as file:
    print(datetime.now(timezone.utc).isoformat(), time.monotonic(), file=file)
"""


def test_command_and_its_children_have_the_wall_clock_of_the_moment(tmp_path: Path) -> None:
    written = tmp_path / "clocks"
    child = [sys.executable, "-c", WRITE_CLOCKS, str(written)]
    parent = [sys.executable, "-c", f"import subprocess; subprocess.run({child}, check=True)"]

    before = time.monotonic()
    assert at.main(["2028-02-29 23:40", *parent]) == 0
    assert at.main(["2028-02-29 23:40", *child]) == 0
    after = time.monotonic()

    lines = [line.split() for line in written.read_text().splitlines()]
    assert len(lines) == 2
    for wall, monotonic in lines:
        passed = datetime.fromisoformat(wall) - LEAP_DAY
        assert timedelta(seconds=0.2) <= passed <= timedelta(seconds=after - before)
        assert before <= float(monotonic) <= after


def test_exit_code_of_the_command_is_returned() -> None:
    assert at.main(["2024-02-29", sys.executable, "-c", "raise SystemExit(3)"]) == 3


@pytest.mark.parametrize("arguments", [["2028-02-29 23:40"], ["2027-02-29", "date"], []])
def test_missing_command_and_impossible_date_are_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        at.main(arguments)

    assert refusal.value.code == 2
