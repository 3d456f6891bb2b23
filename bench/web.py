"""A web server like the product's: gunicorn with the same class of workers, two of four threads."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping

from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.processes import WORKER_CLASS
from devtools.launcher.run_config import HOST, ROOT

START_SECONDS = 30


class WebServer:
    """A WSGI application behind gunicorn on a free port."""

    def __init__(self, application: str, environment: Mapping[str, str]) -> None:
        self.application = application
        self.environment = environment
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it accepts connections. Raises TimeoutError."""
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = int(free.getsockname()[1])
        words = ["-m", "gunicorn", self.application, f"--bind={HOST}:{self.port}"]
        words += [f"--worker-class={WORKER_CLASS}", "--workers=2", "--threads=4"]
        words += ["--no-control-socket", "--log-level=error"]
        self.process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        self._wait()

    def stop(self) -> None:
        """End the server."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise TimeoutError(f"{self.application} does not start")
