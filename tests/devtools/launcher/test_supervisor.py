"""supervisord of `./run`: its programs are forks, and are still watched, restarted and stopped."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from devtools.launcher.poller import FirstPollAtOnce
from devtools.launcher.processes import Processes, Program
from devtools.launcher.python_process import CAN_FORK

SECONDS = 30
#: Reports the process, and whether it has the modules of this test run without importing them.
PROGRAM = """
import os, sys, time
print(os.getpid(), "pytest" in sys.modules, sys.argv[1:], flush=True)
time.sleep(600)
"""


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    data = tmp_path / "a folder"
    (data / "logs").mkdir(parents=True)
    (data / "program.py").write_text(PROGRAM)
    words = [str(data / "program.py"), "100%", "два слова"]
    return Processes("test", {"program": Program(words, 4)}, data)


def wait_for(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_program_is_restarted_and_none_is_left_after_the_stop(processes: Processes) -> None:
    log = processes.logs / "program.log"

    def starts() -> list[str]:
        return log.read_text().splitlines() if log.exists() else []

    processes.start(os.environ)
    try:
        wait_for(lambda: len(starts()) == 1)
        first = psutil.Process(int(starts()[0].split()[0]))
        first.kill()
        wait_for(lambda: len(starts()) == 2)
        second = psutil.Process(int(starts()[1].split()[0]))
        assert second.name() == ("program" if CAN_FORK else psutil.Process().name())
    finally:
        processes.stop()

    expected = f" {CAN_FORK} ['100%', 'два слова']"
    assert [line.partition(" ")[1] + line.partition(" ")[2] for line in starts()] == [expected] * 2
    assert psutil.wait_procs([first, second], timeout=10)[1] == []
    assert processes.is_running is False


class Poller:
    """Records how long each poll was to wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def poll(self, timeout: float) -> tuple[list[int], list[int]]:
        self.waits.append(timeout)
        return [], []


def test_programs_are_started_without_a_wait_and_then_watched_each_second() -> None:
    poller = Poller()
    polling = FirstPollAtOnce(poller)

    for _ in range(3):
        polling.poll(1)

    assert poller.waits == [0, 1, 1]
    assert polling.waits is poller.waits
