"""Child processes that run Python, forked from this one with all modules it has imported.

`exec` of a new interpreter costs each process about a second of imports and 70 MB of memory; a
fork shares both (`docs/decisions/0051-fork-from-the-launcher.md`). On macOS a fork without `exec`
is not safe, so there a new interpreter is started.
"""

from __future__ import annotations

import contextlib
import os
import runpy
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from devtools.launcher.parent_death import die_with_parent, set_process_name

CAN_FORK = sys.platform == "linux"
WAIT_STEP_SECONDS = 0.02


class PythonProcess(Protocol):
    """The part of `subprocess.Popen` that the launcher uses."""

    returncode: int | None

    @property
    def pid(self) -> int:
        """The id of the process."""

    def poll(self) -> int | None:
        """Return the exit code; None while the process runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""

    def terminate(self) -> None:
        """Send SIGTERM."""

    def kill(self) -> None:
        """Send SIGKILL."""


def start_python(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], stdout: int, stderr: int
) -> PythonProcess:
    """Start `python WORDS…` as a session of its own that ends with this process."""
    if CAN_FORK:
        return _Forked(words, cwd, env, (stdout, stderr))
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=cwd,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )


class _Forked:
    """A fork of this process, with the methods of `subprocess.Popen`."""

    def __init__(
        self, words: Sequence[str], cwd: Path, env: Mapping[str, str], outputs: tuple[int, int]
    ) -> None:
        self.returncode: int | None = None
        set_death_signal = die_with_parent(signal.SIGTERM)
        self.pid = _fork()
        if self.pid == 0:
            try:
                set_death_signal()
                _detach(outputs)
                os.chdir(cwd)
                run_here(words, env, name=_name(words))
            finally:
                os._exit(1)

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        deadline = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if timeout is not None and deadline is not None and time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout)
            time.sleep(WAIT_STEP_SECONDS)
        return code

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def run_here(words: Sequence[str], env: Mapping[str, str], *, name: str) -> NoReturn:
    """Do in this forked process what `python WORDS…` does after `exec`; never return.

    ``words`` are options -W, then `-m MODULE` or a file, then arguments. `ps -e` and `top` show
    ``name``; the arguments that `ps -f` shows are the launcher's.
    """
    code = 1
    try:
        set_process_name(name)
        _reset_signals()
        os.environ.clear()
        os.environ.update(env)
        # They stay open as long as the process.
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
        _run(words)
        code = 0
    except SystemExit as ending:
        code = _exit_code(ending)
    except BaseException:
        traceback.print_exc()
    finally:
        _end(code)


def _run(words: Sequence[str]) -> None:
    words = list(words)
    while words[0] == "-W":
        action, message = words[1].split(":", 1)
        warnings.filterwarnings(action, message)  # type: ignore[arg-type]  # refuses other words
        del words[:2]
    if words[0] == "-m":
        sys.argv = words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        runpy.run_path(words[0], run_name="__main__")


def _name(words: Sequence[str]) -> str:
    return words[1].rpartition(".")[2] if words[0] == "-m" else Path(words[0]).name


def _exit_code(ending: SystemExit) -> int:
    if ending.code is None or isinstance(ending.code, int):
        return ending.code or 0
    print(ending.code, file=sys.stderr)
    return 1


def _end(code: int) -> NoReturn:
    """End without the cleanup of the parent's stack, which is in this process as well."""
    # As multiprocessing does in its forks: ends pools of threads, and joins all threads.
    threading._shutdown()  # type: ignore[attr-defined]
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _fork() -> int:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return os.fork()


def _detach(outputs: tuple[int, int]) -> None:
    """Leave the session and the open files of the parent, its lock of the data folder included."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for number, source in enumerate((nothing, *outputs)):
        os.dup2(source, number)
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _reset_signals() -> None:
    """Set to the default what `exec` would: all signals but the ignored ones."""
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
