"""Programs of the product as production runs them: Celery workers, beat, the web server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

from devtools.launcher.parent_death import die_with_parent
from tests.paths import ROOT

#: The shortest that the environment can say; production's relations between the limits stay.
PACE = {
    "UPLOAD_MIN_WAIT_SECONDS": "0",
    "ATTEMPT_WAIT_SECONDS": "0",
    "POLL_SECONDS": "1",
    "CONNECT_TIMEOUT_SECONDS": "1",
    "READ_TIMEOUT_SECONDS": "2",
    "UPLOAD_READ_TIMEOUT_SECONDS": "1",
    "LEASE_MARGIN_SECONDS": "1",
    "UNCLEAR_GRACE_SECONDS": "5",
}
RESTART_SECONDS = 0.5
CELERY = ("-W", "ignore", "-m", "celery", "-A", "callkeeper_metrika")


@contextmanager
def program(
    *words: str, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python WORDS…` until the end of the block."""
    process = _start(words, environment, log)
    try:
        yield process
    finally:
        _end(process)


@contextmanager
def kept_running(*words: str, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run it until the end of the block, and start it anew when it ends, as in production."""
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as keeper:
        kept = keeper.submit(_keep_running, words, environment, log, is_over)
        try:
            yield
        finally:
            is_over.set()
            kept.result()


def _keep_running(
    words: Sequence[str], environment: Mapping[str, str], log: Path, is_over: threading.Event
) -> None:
    process = _start(words, environment, log)
    try:
        while not is_over.wait(RESTART_SECONDS):
            if process.poll() is not None:
                process = _start(words, environment, log)
    finally:
        _end(process)


def _start(
    words: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env={**environment, **PACE},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    # How it ends when asked is for the tests that ask.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def worker(pool: str, count: int, queue: str = "") -> tuple[str, ...]:
    """Return the words of a Celery worker of all queues or of one; `pool` is prefork or threads."""
    name = ("-Q", queue, "-n", f"{queue}@%h") if queue else ()
    return (*CELERY, "worker", "-P", pool, "-c", str(count), "-l", "WARNING", *name)


def beat(schedule: Path) -> tuple[str, ...]:
    """Return the words of a beat with a schedule file of its own."""
    return (*CELERY, "beat", "-s", str(schedule), "--pidfile=", "-l", "WARNING")


def web(port: int) -> tuple[str, ...]:
    """Return the words of the web server."""
    bind = f"--bind=127.0.0.1:{port}"
    return ("-m", "gunicorn", "callkeeper_metrika.wsgi", bind, "--workers=1", "--threads=4")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
