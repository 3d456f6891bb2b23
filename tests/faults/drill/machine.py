"""A machine that runs the product: its database, its broker, its volume, and its senders."""

from __future__ import annotations

import io
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.test import Client, override_settings
from pytest_django import DjangoDbBlocker

from tests.faults.databases import use_database
from tests.faults.processes import Worker, WorkerForkServer, WorkerProcesses
from tests.faults.sandbox_process import SandboxProcess
from tests.faults.worker import PACE

YANDEX = ("YANDEX_OAUTH_URL", "YANDEX_LOGIN_URL", "METRIKA_API_URL")


@dataclass
class Machine:
    """`opened` makes this process the machine's web server; senders are processes of their own."""

    database: str
    broker: str
    #: The file of the installation; manifests of sent files lie in the folder `sent` beside it.
    installation_file: Path
    sandbox: SandboxProcess
    fork_server: WorkerForkServer
    blocker: DjangoDbBlocker
    senders: WorkerProcesses = field(init=False)

    def __post_init__(self) -> None:
        self.senders = WorkerProcesses(self.fork_server)

    def like(self, **changes: Any) -> Machine:
        """Return another machine: the same one but for the changes."""
        return replace(self, **changes)

    @property
    def addresses(self) -> dict[str, str]:
        """The settings that make a process one of this machine."""
        return {
            "REDIS_URL": self.broker,
            "INSTALLATION_FILE": str(self.installation_file),
            **dict.fromkeys(YANDEX, self.sandbox.url),
        }

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Use the machine's database and settings in this process until the end of the block."""
        with self.blocker.unblock(), override_settings(**PACE, **self.addresses):
            former = use_database(self.database)
            try:
                yield
            finally:
                use_database(former)

    def start_sender(self, **options: Any) -> Worker:
        """Start a sender; `stop_senders` ends it."""
        addresses = self.addresses | options.pop("addresses", {})
        return self.senders.start(database=self.database, addresses=addresses, **options)

    def run(self, **options: Any) -> None:
        """Run a process of the machine to its end: a task, a command, or one that kills itself."""
        self.start_sender(**options).wait_dead()

    def stop_senders(self) -> None:
        """End the senders as a deployment does, then for certain."""
        for worker in self.senders.started:
            worker.send(signal.SIGTERM)
        for worker in self.senders.started:
            worker.wait_dead()
        self.senders.started.clear()

    def manage(self, *words: str) -> str:
        """Run a command of manage.py; return what it printed. For use in `opened`."""
        output = io.StringIO()
        call_command(*words, stdout=output, stderr=output)
        return output.getvalue()

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """Return the status of /readyz and its checks. For use in `opened`."""
        answer = Client().get("/readyz", headers={"host": "127.0.0.1"})
        return answer.status_code, answer.json()["checks"]
