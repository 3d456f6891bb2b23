"""The web server as production runs it, and a client that posts calls as CallKeeper does."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from cabinets.models import CallSource
from devtools.launcher.processes import WORKER_CLASS
from tests.calls.posting import signed_headers
from tests.factories import SECRET
from tests.faults.servers import free_port, program
from tests.faults.wait import wait_for

START_SECONDS = 90
ANSWER_SECONDS = 30
#: Loaded before the fork, so that a killed worker is replaced quickly.
GUNICORN = (
    "-m",
    "gunicorn",
    "callkeeper_metrika.wsgi",
    f"--worker-class={WORKER_CLASS}",
    "--workers=2",
    "--threads=4",
    "--preload",
    "--no-control-socket",
)
Record = dict[str, Any]


@dataclass(frozen=True)
class WebServer:
    """One gunicorn: a master process and its workers."""

    process: subprocess.Popen[bytes]
    url: str

    def post(
        self,
        records: Sequence[object],
        *,
        source: CallSource,
        webhook_id: str = "",
        secret: str = SECRET,
    ) -> requests.Response:
        """Post the records in one signed request. Raises requests.RequestException."""
        body = json.dumps({"calls": records}, ensure_ascii=False).encode()
        signed = signed_headers(body, webhook_id=webhook_id or uuid.uuid4().hex, secret=secret)
        headers = {"Content-Type": "application/json", "X-CallKeeper-Source": source.public_id}
        return requests.post(
            f"{self.url}/api/v1/calls", data=body, headers=signed | headers, timeout=ANSWER_SECONDS
        )

    def workers(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()

    def is_up(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False


@contextmanager
def start_web_server(
    environment: Mapping[str, str], log: Path, *, port: int = 0
) -> Iterator[WebServer]:
    """Run gunicorn until the end of the block, which begins when it answers."""
    chosen = port or free_port()
    words = (*GUNICORN, f"--bind=127.0.0.1:{chosen}")
    with program(*words, environment=environment, log=log) as process:
        opened = WebServer(process, f"http://127.0.0.1:{chosen}")
        wait_for(opened.is_up, seconds=START_SECONDS, what="the web server answers")
        yield opened


def results(answer: requests.Response) -> list[Record]:
    """Return the result of each call of an accepted request."""
    assert answer.status_code == 202, answer.text
    outcomes: list[Record] = answer.json()["results"]
    return outcomes
