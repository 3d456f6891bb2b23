"""The sandbox of Metrika in a process of its own, with its hidden truth about visits."""

from __future__ import annotations

import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import requests

from devtools.launcher.parent_death import die_with_parent
from devtools.launcher.run_config import HOST, ROOT

#: A counter of its first scenario, and the login that owns it.
COUNTER, LOGIN = 91_234_567, "okna-stolica"
NO_LIMIT = "1000000"
START_SECONDS, REQUEST_SECONDS = 60, 300
#: Items of one request to its controls.
AT_ONCE = 5000


class Sandbox:
    """The process. It processes files and prepares logs at once, and limits no rates."""

    def __init__(self, folder: Path) -> None:
        self.state = folder / "sandbox.sqlite3"
        self.url = f"http://{HOST}:{_free_port()}"
        self._session = requests.Session()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it answers."""
        limits = ("--per-second", "--logs-per-second", "--per-day", "--parallel")
        words = ["-m", "devtools.sandbox", "--port", self.url.rpartition(":")[2]]
        words += ["--state", str(self.state), "--ripen-seconds", "0"]
        words += [word for name in limits for word in (name, NO_LIMIT)]
        self._process = subprocess.Popen(
            [sys.executable, *words],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
        self._wait()
        self.control("logs", seconds=0)

    def stop(self) -> None:
        """End the process."""
        self._session.close()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def allow(self, token: str, scopes: str) -> None:
        """Accept a token of its login, as after a consent: the row is put into its file."""
        now = time.time()
        values = (token, "bench", LOGIN, "bench", scopes, "bench", now, now + 86_400)
        database = sqlite3.connect(self.state)
        with database:
            database.execute(
                "INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)", values
            )
        database.close()

    def control(self, path: str, **body: Any) -> Any:
        """Ask its control API: with values, or for what it knows."""
        answer = self._session.request(
            "POST" if body else "GET",
            f"{self.url}/_sandbox/{path}",
            json=body or None,
            timeout=REQUEST_SECONDS,
        )
        answer.raise_for_status()
        return answer.json()

    def add_counters(self, count: int) -> list[int]:
        """Make counters of its login; return their numbers."""
        found: list[int] = self.control(f"people/{LOGIN}/counters", count=count)["counters"]
        return found

    def add_visits(self, visits: Sequence[dict[str, Any]], *, counter: int = COUNTER) -> None:
        """Tell it all visits of the counter: from then on they decide what is linked."""
        for start in range(0, max(len(visits), 1), AT_ONCE):
            self.control("visits", counter=counter, visits=visits[start : start + AT_ONCE])

    def truth(self, counter: int = COUNTER) -> Iterator[list[Any]]:
        """Yield what became of each row that it accepted, as its control API lists them."""
        after = 0
        while found := self._truth_after(counter, after):
            yield from found
            after = found[-1][0]

    def _truth_after(self, counter: int, after: int) -> list[list[Any]]:
        path = f"truth?counter={counter}&after={after}&limit={AT_ONCE}"
        found: list[list[Any]] = self.control(path)["truth"]
        return found

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                requests.get(self.url, timeout=1)
            except requests.RequestException:
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("the sandbox does not answer")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])
