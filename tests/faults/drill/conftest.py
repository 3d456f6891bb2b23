"""The servers of the drill, and the past that its stories share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import DjangoDbBlocker
from redis import Redis

from devtools.launcher.embedded import Postgres, Valkey
from tests.faults.drill import clusters, timeline
from tests.faults.drill.machine import Machine
from tests.faults.drill.traffic import Traffic
from tests.faults.processes import WorkerForkServer
from tests.faults.sandbox_process import SandboxProcess, start_sandbox_process

#: Calls of every site, before the moment that is kept and after it.
CALLS = int(os.environ.get("DRILL_CALLS", "3"))


WORLD = "world.sqlite3"
#: Database of Valkey that is the broker of a machine; production has 0.
NUMBERS = {"beside": 1, "restored": 2, "replica": 3, "new": 4, "snapshot": 5}


@dataclass(frozen=True)
class Past:
    """What is left after the disaster, and the copy that ran beside production before it."""

    traffic: Traffic
    #: Its database, its broker and its volume are intact; nothing of it runs any more.
    production: Machine
    #: Its state of the moment that was kept, as a dump and as a replica that was cut off then.
    kept_at: datetime
    dumped: bytes
    primary: Postgres
    replica: Postgres
    #: The marks and manifests of that moment, with an empty database.
    snapshot: Machine
    #: A restored copy with a broker of its own: its senders ran while production went on.
    beside: Machine
    folder: Path

    def survivor(self, name: str, *, database: str, sandbox: SandboxProcess, left: str) -> Machine:
        """Return a machine of its own with a database, and what is ``left`` of production.

        These are words: "mark" (the file of the installation), "sent" (the manifests), "broker".
        """
        folder = self.folder / f"{name}-machine"
        folder.mkdir()
        if "mark" in left:
            shutil.copy(self.production.installation_file, folder)
        if "sent" in left:
            shutil.copytree(self.production.installation_file.with_name("sent"), folder / "sent")
        return self.production.like(
            database=database,
            broker=copy_broker(self.production, NUMBERS[name], is_copied="broker" in left),
            installation_file=folder / self.production.installation_file.name,
            sandbox=sandbox,
        )


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    """Ends every server at the end of the module."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def world(past: Past, log: Path, tmp_path: Path) -> Iterator[SandboxProcess]:
    """A sandbox of the test's own, as it was at the disaster."""
    state = timeline.copy_world(past.folder / WORLD, tmp_path / WORLD)
    with ExitStack() as stack:
        yield _sandbox(stack, log, state)


@pytest.fixture(scope="module")
def past(
    stack: ExitStack,
    fork_server: WorkerForkServer,
    django_db_blocker: DjangoDbBlocker,
    tmp_path_factory: pytest.TempPathFactory,
    log: Path,
) -> Past:
    folder = tmp_path_factory.mktemp("drill")
    production, primary = _production(stack, fork_server, django_db_blocker, folder, log)
    traffic = timeline.set_up(production)
    replica = clusters.make_replica(primary, folder / "replica")
    stack.callback(replica.stop)

    timeline.stage(production, traffic, CALLS)
    kept_at = timezone.now()
    clusters.wait_replayed(primary, replica)
    clusters.disconnect(replica)
    dumped = clusters.dump(primary)

    snapshot = _snapshot(production, folder)

    beside = production.like(
        database=clusters.restore(primary, dumped, "beside"),
        broker=copy_broker(production, NUMBERS["beside"], is_copied=False),
        installation_file=folder / "beside" / "installation.json",
    )
    stack.callback(beside.stop_senders)
    beside.start_sender()
    timeline.go_on(production, traffic, CALLS)
    beside.stop_senders()
    return Past(traffic, production, kept_at, dumped, primary, replica, snapshot, beside, folder)


def _production(
    stack: ExitStack,
    fork_server: WorkerForkServer,
    blocker: DjangoDbBlocker,
    folder: Path,
    log: Path,
) -> tuple[Machine, Postgres]:
    primary = clusters.start_cluster(folder / "primary")
    stack.callback(primary.stop)
    valkey = Valkey(folder / "valkey", password=clusters.PASSWORD, temporary=True)
    stack.callback(valkey.stop)
    valkey.start()
    machine = Machine(
        database=primary.url,
        broker=valkey.url,
        installation_file=folder / "production" / "installation.json",
        sandbox=_sandbox(stack, log, folder / WORLD),
        fork_server=fork_server,
        blocker=blocker,
    )
    stack.callback(machine.stop_senders)
    for command in (("build_schema",), ("migrate", "-v0")):
        machine.run(command=command)
    return machine, primary


def _snapshot(production: Machine, folder: Path) -> Machine:
    """Keep what production has outside of its database, as a snapshot of all disks would."""
    target = folder / "snapshot-machine"
    shutil.copytree(production.installation_file.parent, target)
    return production.like(
        broker=copy_broker(production, NUMBERS["snapshot"], is_copied=True),
        installation_file=target / production.installation_file.name,
    )


def _sandbox(stack: ExitStack, log: Path, state: Path) -> SandboxProcess:
    process, sandbox = start_sandbox_process(log, state=state)
    stack.callback(process.wait)
    stack.callback(process.kill)
    return sandbox


def copy_broker(machine: Machine, number: int, *, is_copied: bool) -> str:
    """Return the URL of another broker, with the keys of the machine's or empty.

    It is another database of the same Valkey, which serves one of them as it serves a server.
    """
    with Redis.from_url(machine.broker) as redis:
        for key in redis.scan_iter() if is_copied else ():
            redis.copy(key, key, destination_db=number)
    return f"{machine.broker.rpartition('/')[0]}/{number}"
