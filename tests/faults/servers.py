"""The product's programs, started as in production: Celery workers, beat, the web server."""

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
from devtools.launcher.processes import WORKER_CLASS
from tests.paths import ROOT

#: The shortest limits that settings accept; the relations between them are those of production.
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
    *arguments: str, environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python ARGUMENTS…` until the end of the block."""
    process = _start(arguments, environment, log)
    try:
        yield process
    finally:
        _end(process)


@contextmanager
def kept_running(*arguments: str, environment: Mapping[str, str], log: Path) -> Iterator[None]:
    """Run `python ARGUMENTS…` until the end of the block; restart it if it exits."""
    is_over = threading.Event()
    with ThreadPoolExecutor(1) as keeper:
        kept = keeper.submit(_keep_running, arguments, environment, log, is_over)
        try:
            yield
        finally:
            is_over.set()
            kept.result()


def _keep_running(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path, is_over: threading.Event
) -> None:
    process = _start(arguments, environment, log)
    try:
        while not is_over.wait(RESTART_SECONDS):
            if process.poll() is not None:
                process = _start(arguments, environment, log)
    finally:
        _end(process)


def _start(
    arguments: Sequence[str], environment: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env={**environment, **PACE},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    # A graceful stop is up to the tests that check it.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def worker(pool: str, count: int, queue: str = "") -> tuple[str, ...]:
    """Return the arguments of a Celery worker of all queues or of one; pool: prefork or threads."""
    name = ("-Q", queue, "-n", f"{queue}@%h") if queue else ()
    return (*CELERY, "worker", "-P", pool, "-c", str(count), "-l", "WARNING", *name)


def beat(schedule: Path) -> tuple[str, ...]:
    """Return the arguments of a beat with a schedule file of its own."""
    return (*CELERY, "beat", "-s", str(schedule), "--pidfile=", "-l", "WARNING")


def web(port: int) -> tuple[str, ...]:
    """Return the arguments of the web server."""
    bind = f"--bind=127.0.0.1:{port}"
    words = ("-m", "gunicorn", "callkeeper_metrika.wsgi", f"--worker-class={WORKER_CLASS}")
    return (*words, bind, "--workers=1", "--threads=4")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
