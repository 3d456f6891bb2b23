"""The sandbox in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import requests

from integrations.sandbox import Options, RunningSandbox
from launcher.tether import die_with_parent
from soak.sandbox import Sandbox
from tests.faults.patience import wait_for
from tests.integrations.sandbox.actor import Actor

START_SECONDS = 20
RIPEN_SECONDS = 0.2


@dataclass(frozen=True)
class StandIn(Sandbox):
    """What the tests' actor needs to know of a sandbox, over HTTP."""

    options: Options = field(default_factory=Options)

    def link(self, login: str) -> str:
        """Let a person of the sandbox allow everything; return the access token."""
        # The actor asks for `url` and `options` alone.
        person = Actor(cast(RunningSandbox, self), login)
        try:
            person.link()
        finally:
            person.browser.close()
        return person.token


def start_stand_in(log: Path) -> tuple[subprocess.Popen[bytes], StandIn]:
    """Start a sandbox on a free port and wait until it answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    words = ["-m", "integrations.sandbox", f"--port={port}", f"--ripen-seconds={RIPEN_SECONDS}"]
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, *words],
            env=os.environ,
            stdout=output,
            stderr=output,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
    stand_in = StandIn(f"http://127.0.0.1:{port}")
    wait_for(lambda: _answers(stand_in), seconds=START_SECONDS, what="the sandbox answers")
    return process, stand_in


def _answers(stand_in: StandIn) -> bool:
    try:
        return bool(stand_in.look("health"))
    except requests.RequestException:
        return False
