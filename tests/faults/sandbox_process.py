"""The sandbox of Yandex in a process of its own, reached over HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import requests

from devtools.launcher.parent_death import die_with_parent
from devtools.sandbox import Options, RunningSandbox
from devtools.soak.sandbox_api import Sandbox
from tests.devtools.sandbox.actor import Actor, offline
from tests.faults.wait import wait_for

START_SECONDS = 60
RIPEN_SECONDS = 0.2


@dataclass(frozen=True)
class SandboxProcess(Sandbox):
    """HTTP client of a running sandbox; also what `Actor` requires of a sandbox."""

    options: Options = field(default_factory=Options)

    def link(self, login: str) -> str:
        """Grant access as the sandbox user `login`; return the access token."""
        # Actor reads only `url` and `options`.
        person = Actor(cast(RunningSandbox, self), login)
        try:
            person.link()
        finally:
            person.browser.close()
        return person.token

    def upload_files_of_another_program(self, token: str, counter: int, count: int) -> None:
        """Upload `count` files to the counter with comments that are not ours."""
        for number in range(count):
            moment = int(time.time()) - 60 - number
            requests.post(
                f"{self.url}{offline('upload_calls', counter)}",
                params={"comment": f"another{number}"},
                headers={"Authorization": f"OAuth {token}"},
                files={"file": ("calls.csv", f"ClientId,DateTime\n{number + 1},{moment}\n")},
                timeout=10,
            ).raise_for_status()

    def posts(self) -> int:
        """Number of upload requests received, accepted or not."""
        return sum(one["count"] for one in self._counts() if one["method"] == "POST")

    def refusals(self) -> int:
        """Number of requests answered 429 because a quota of the sandbox was exceeded."""
        return sum(one["count"] for one in self._counts() if one["status"] == 429)

    def _counts(self) -> list[dict[str, Any]]:
        counts: list[dict[str, Any]] = self.get("requests?last=0")["counts"]
        return [one for one in counts if "offline_conversions" in one["path"]]


def start_sandbox_process(
    log: Path, *, state: Path | None = None
) -> tuple[subprocess.Popen[bytes], SandboxProcess]:
    """Start a sandbox on a free port and wait until it answers; ``state`` is the file it keeps."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    words = ["-m", "devtools.sandbox", f"--port={port}", f"--ripen-seconds={RIPEN_SECONDS}"]
    words += [f"--state={state}"] if state else []
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *words],
            env=os.environ,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    sandbox_process = SandboxProcess(f"http://127.0.0.1:{port}")
    wait_for(lambda: _answers(sandbox_process), seconds=START_SECONDS, what="the sandbox answers")
    return process, sandbox_process


def _answers(sandbox_process: SandboxProcess) -> bool:
    try:
        return bool(sandbox_process.get("health"))
    except requests.RequestException:
        return False
