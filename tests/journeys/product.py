"""The product as started by `./run`: `python -m devtools.launcher`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil

from devtools.launcher.parent_death import die_with_parent
from tests.paths import ROOT

START_SECONDS = 240
STOP_SECONDS = 60
#: Reading the whole ledger costs more CPU than the product uses between two reads.
PAUSE_SECONDS = 1.0
#: The variables of a terminal; none of this test run's servers and sandboxes.
KEPT_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR")
#: Seconds that calls wait for a file, and files for a poll; the default of `./run` is 5.
PACE = {"UPLOAD_MIN_WAIT_SECONDS": "2", "POLL_SECONDS": "2"}
Found = TypeVar("Found")


@dataclass
class Product:
    """One data folder; it can be started and stopped several times."""

    data: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    ready: dict[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.ready["url"])

    @property
    def output(self) -> str:
        """The output on the terminal so far."""
        return self._terminal.read_text(encoding="utf-8")

    @property
    def _terminal(self) -> Path:
        return self.data.with_name("terminal.txt")

    def start(self) -> None:
        """Start; return when everything is ready."""
        kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        ours = {"PORT": str(self.port), "DATA_DIR": str(self.data), "DEMO_DATA": "0"} | PACE
        with self._terminal.open("ab") as terminal:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "devtools.launcher"],
                cwd=ROOT,
                env=kept | ours,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        self.ready = wait_for(self._read_ready, seconds=START_SECONDS, what="the product is up")

    def stop(self) -> int:
        """Send SIGTERM, as an init system does; return the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def end(self) -> None:
        """Stop the product and kill every process that is left."""
        try:
            if self.process is not None and self.process.poll() is None:
                self.stop()
        finally:
            for process in self.processes():
                process.kill()

    def processes(self) -> list[psutil.Process]:
        """Return every process that has our folder in its arguments or environment."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            words = {*process.cmdline(), process.environ().get("DATA_DIR", "")}
        except psutil.Error:
            return False
        return process.status() != psutil.STATUS_ZOMBIE and any(
            str(self.data) in word for word in words
        )

    def _read_ready(self) -> dict[str, Any] | None:
        assert self.process is not None
        assert self.process.poll() is None, self.output
        file = self.data / "ready.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else None


def wait_for(look: Callable[[], Found | None], *, seconds: float, what: str) -> Found:
    """Return the first result that is not None, or fail at the deadline."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"After {seconds} s still not: {what}")


def free_port() -> int:
    """Return a port that is free now, with a free one behind it for the sandbox."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
