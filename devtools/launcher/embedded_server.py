"""What the embedded servers have in common: a child process on a loopback port."""

from __future__ import annotations

import importlib.util
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

HOST = "127.0.0.1"
START_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_SECONDS = 8
# A port found free may be taken by another process before the server binds it.
ATTEMPTS = 5
# After a kill the last sessions need a moment to end, and lock the data folder until then.
RETRY_SECONDS = 0.3


class EmbeddedServerFailed(Exception):
    """A server could not be started; the text is one sentence for a person."""


class EmbeddedServer:
    """One child process on a loopback port. Subclasses prepare, launch and probe it."""

    title = "server"
    stop_signal = signal.SIGTERM

    def __init__(self, home: Path, *, password: str, temporary: bool = False) -> None:
        self.home = home.absolute()
        self.password = password
        self.is_temporary = temporary
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """File with the server's stdout and stderr."""
        return self.home.with_name(f"{self.home.name}.log")

    @property
    def is_running(self) -> bool:
        """Whether the process is running; false before `start` and after `stop`."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Return once the server accepts connections; raise EmbeddedServerFailed otherwise."""
        self.prepare()
        # A restarted server keeps its port: other processes have its address.
        ports = [self.port] * ATTEMPTS if self.port else [_free_port() for _ in range(ATTEMPTS)]
        for self.port in ports:
            self.process = self._launch()
            if _wait_until(self._answers, while_running=self.process):
                return
            self.stop()
            time.sleep(RETRY_SECONDS)
        raise EmbeddedServerFailed(f"{self.title} did not start; its log {self.log} says why.")

    def stop(self) -> None:
        """Stop with escalating signals. Delete the folder only afterwards: Valkey needs it."""
        process, self.process = self.process, None
        if process is None:
            return
        for request in (self.stop_signal, signal.SIGQUIT, signal.SIGKILL):
            process.send_signal(request)
            try:
                process.wait(STOP_TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                continue
            return

    def prepare(self) -> None:
        """Begin what a start needs, without waiting for it; `start` does so as well."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _launch(self) -> subprocess.Popen[bytes]:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        return int(listener.getsockname()[1])


def _wait_until(answers: Callable[[], bool], *, while_running: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while while_running.poll() is None and time.monotonic() < deadline:
        if answers():
            return True
        time.sleep(0.02)
    return False


def wheel_folder(module: str, wheel: str) -> Path:
    """Return the folder of an installed wheel. Raises EmbeddedServerFailed."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None:
        raise EmbeddedServerFailed(
            f"The package {wheel} is not installed (it has no build for every machine: musl and"
            " Windows are missing). Set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(found.origin).parent
