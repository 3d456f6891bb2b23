from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from devtools.launcher.management_command import ManagementCommand
from devtools.launcher.python_process import PythonProcess, start_python
from devtools.launcher.run_config import is_locked, lock_data_folder
from devtools.launcher.start_error import StartError
from tests.paths import ROOT

ENVIRONMENT = {"PATH": os.environ["PATH"], "ONLY": "this"}
PARENT = """
import pathlib, signal, sys
from devtools.launcher.python_process import start_python
child = start_python(["program.py"], cwd=pathlib.Path(sys.argv[1]), env={}, stdout=1, stderr=2)
signal.pause()
"""


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output.txt"


def start(folder: Path, program: str, *words: str) -> PythonProcess:
    (folder / "program.py").write_text(program, encoding="utf-8")
    with (folder / "output.txt").open("wb") as file:
        return start_python(
            ["program.py", *words],
            cwd=folder,
            env=ENVIRONMENT,
            stdout=file.fileno(),
            stderr=file.fileno(),
        )


def test_program_has_its_arguments_environment_and_folder(tmp_path: Path, output: Path) -> None:
    program = "import os, sys\nprint(sys.argv, os.environ['ONLY'], len(os.environ), os.getcwd())"

    code = start(tmp_path, program, "--word", "a b").wait(30)

    assert code == 0
    assert output.read_text() == f"['program.py', '--word', 'a b'] this 2 {tmp_path}\n"


@pytest.mark.parametrize(
    ("program", "code", "words"),
    [
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit", 0, ""),
        ("raise SystemExit('No network.')", 1, "No network.\n"),
        ("raise ValueError('broken')", 1, "ValueError: broken\n"),
        ("print('end', end='')", 0, "end"),
    ],
)
def test_program_ends_as_with_an_interpreter_of_its_own(
    tmp_path: Path, output: Path, program: str, code: int, words: str
) -> None:
    assert start(tmp_path, program).wait(30) == code
    assert output.read_text().endswith(words)


def test_pools_of_threads_do_not_keep_an_ended_program(tmp_path: Path) -> None:
    program = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "ThreadPoolExecutor().submit(print, 'once')"
    )

    assert start(tmp_path, program).wait(30) == 0


def test_signal_handlers_of_the_parent_are_not_those_of_the_program(tmp_path: Path) -> None:
    former = signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
    try:
        process = start(tmp_path, "import time\nprint('up')\ntime.sleep(60)")
    finally:
        signal.signal(signal.SIGTERM, former)
    while not (tmp_path / "output.txt").read_text():
        assert process.poll() is None

    process.terminate()

    assert process.wait(30) == -signal.SIGTERM


def test_wait_gives_up_after_its_timeout(tmp_path: Path) -> None:
    process = start(tmp_path, "import time\ntime.sleep(60)")

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0)

    process.kill()
    assert process.wait(30) == -signal.SIGKILL


def test_program_does_not_hold_the_lock_of_the_data_folder(tmp_path: Path) -> None:
    held = lock_data_folder(tmp_path / "data")
    process = start(tmp_path, "import time\nprint('up')\ntime.sleep(60)")
    while not (tmp_path / "output.txt").read_text():
        assert process.poll() is None

    os.close(held)

    assert is_locked(tmp_path / "data") is False
    process.kill()
    process.wait(30)


def test_program_ends_with_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tmp_path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))

    parent.kill()

    parent.communicate()
    assert psutil.wait_procs([child], timeout=10)[1] == []


def test_failed_command_says_why() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "devtools.settings"}

    with pytest.raises(StartError, match=r"`manage.py no_such` failed:\n.*Unknown command"):
        ManagementCommand(environment, "no_such").output()


def test_output_of_a_command_is_reported_line_by_line() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "devtools.settings"}
    lines: list[str] = []
    words = ("shell", "--no-imports", "-c", "print('first'); print('second')")

    answer = ManagementCommand(environment, *words).output(lines.append)

    assert lines == ["first", "second"]
    assert answer == "first\nsecond\n"
