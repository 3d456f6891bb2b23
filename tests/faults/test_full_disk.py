"""The database's disk is full while a file is built, claimed or recorded: a delay, no double.

The workers and their database are real, the error is PostgreSQL's own: SQLSTATE 53100.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import DjangoDbBlocker

from calls.models import Delivery, Upload, UploadAttempt
from calls.states import Channel, DeliveryState, UploadState
from devtools.launcher.embedded import Postgres
from integrations.models import RequestDay, RequestSlot
from tests import factories
from tests.faults.disk_quota import full_disk_for_table, full_disk_for_updates, use_database
from tests.faults.processes import WorkerForkServer, WorkerProcesses
from tests.faults.results import Result
from tests.faults.sandbox_process import SandboxProcess
from tests.faults.scenario import Scenario
from tests.faults.wait import wait_for

CALLS = 7
#: More failed runs than a login has slots.
TICKS = 5
#: As in production: a slot that is kept until a lease ends would be kept for minutes.
LONG_LEASE = {
    "CONNECT_TIMEOUT_SECONDS": 5,
    "UPLOAD_READ_TIMEOUT_SECONDS": 120,
    "LEASE_MARGIN_SECONDS": 60,
}
AT_ONCE_SECONDS = 10


@dataclass(frozen=True)
class SpareInstallation:
    """A separate PostgreSQL, workers that use it, and the logs of both."""

    server: Postgres
    fork_server: WorkerForkServer
    log: Path

    def count_errors(self, step: str) -> int:
        """How often a step of delivery logged a database error."""
        return self.log.read_text(encoding="utf-8").count(f"{step}: OperationalError")

    def wait_for_errors(self, step: str, *, times: int = TICKS) -> None:
        enough = self.count_errors(step) + times
        wait_for(
            lambda: self.count_errors(step) >= enough,
            seconds=20,
            what=f"{step} fails {times} times more",
        )

    def full_disk_errors(self) -> int:
        """How often the server logged that its disk is full."""
        return self.server.log.read_text(encoding="utf-8").count("No space left on device")


@pytest.fixture(scope="module")
def installation(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
    environment: dict[str, str],
) -> Iterator[SpareInstallation]:
    home = tmp_path_factory.mktemp("full-disk")
    # Nothing crashes here, so fsync is not needed.
    server = Postgres(home / "postgres", password="only-for-tests", temporary=True)
    server.start()
    with django_db_blocker.unblock(), use_database(server):
        call_command("migrate", verbosity=0)
    log = home / "workers.log"
    fork_server = WorkerForkServer(environment | {"DATABASE_URL": server.url}, log)
    yield SpareInstallation(server, fork_server, log)
    fork_server.close()
    server.stop()


@pytest.fixture
def spare_scenario(
    transactional_db: None, installation: SpareInstallation, sandbox: SandboxProcess
) -> Iterator[Scenario]:
    """A scenario in the separate database, with one linked counter."""
    with use_database(installation.server):
        call_command("flush", verbosity=0, interactive=False)
        cabinet = factories.make_cabinet()
        scenario = Scenario(sandbox, cabinet, factories.make_source(cabinet=cabinet))
        scenario.link()
        yield scenario


@pytest.fixture
def spare_workers(
    spare_scenario: Scenario, installation: SpareInstallation
) -> Iterator[WorkerProcesses]:
    workers = WorkerProcesses(installation.fork_server)
    yield workers
    workers.kill_all()


def assert_delivered_once(scenario: Scenario) -> None:
    balance = scenario.balance()
    assert balance.mismatches() == []
    assert (balance.calls, balance.held) == (CALLS, CALLS)
    assert scenario.sandbox.posts() == 1
    assert Upload.objects.get().attempts == 1


@pytest.mark.contract("B22")
def test_full_disk_while_a_file_is_built_delays_delivery(
    spare_scenario: Scenario,
    spare_workers: WorkerProcesses,
    installation: SpareInstallation,
    result: Result,
) -> None:
    spare_scenario.receive_calls(CALLS)
    with full_disk_for_table(installation.server, "calls_uploadpiece"):
        before = installation.full_disk_errors()
        worker = spare_workers.start()
        installation.wait_for_errors("build")
        assert installation.full_disk_errors() >= before + TICKS
        # A build is atomic: no row has left the queue, no file is partly stored.
        rows = Delivery.objects.filter(channel=Channel.CALLS)
        assert rows.filter(state=DeliveryState.WAITING, upload=None).count() == CALLS
        assert not Upload.objects.exists()
        assert spare_scenario.sandbox.posts() == 0
        assert worker.is_alive

    seconds = spare_scenario.wait_settled()

    assert_delivered_once(spare_scenario)
    assert seconds < AT_ONCE_SECONDS
    result.fault = "the database's disk is full (53100) while a file is built"
    result.measure(spare_scenario.balance(), seconds)


@pytest.mark.contract("B3", "B22")
def test_full_disk_while_an_upload_is_claimed_sends_nothing_and_keeps_no_slot(
    spare_scenario: Scenario,
    spare_workers: WorkerProcesses,
    installation: SpareInstallation,
    result: Result,
) -> None:
    spare_scenario.receive_calls(CALLS)
    with full_disk_for_table(installation.server, "calls_uploadattempt"):
        before = installation.full_disk_errors()
        worker = spare_workers.start(pace=LONG_LEASE)
        installation.wait_for_errors("send")
        assert installation.full_disk_errors() >= before + TICKS
        upload = Upload.objects.get()
        assert (upload.state, upload.attempts, upload.lease_until) == (UploadState.READY, 0, None)
        assert spare_scenario.sandbox.posts() == 0
        assert worker.is_alive

    seconds = spare_scenario.wait_settled()

    assert_delivered_once(spare_scenario)
    # A failed claim must not keep a slot or spend a request of the daily budget.
    assert seconds < AT_ONCE_SECONDS
    assert not RequestSlot.objects.exclude(held_until=None).exists()
    assert RequestDay.objects.get().uploads == 1
    result.fault = "the database's disk is full (53100) while an upload is claimed"
    result.measure(spare_scenario.balance(), seconds)


@pytest.mark.contract("B5", "B22")
def test_full_disk_while_the_answer_is_recorded_leads_to_a_lookup_and_no_double(
    spare_scenario: Scenario,
    spare_workers: WorkerProcesses,
    installation: SpareInstallation,
    result: Result,
) -> None:
    spare_scenario.receive_calls(CALLS)
    with full_disk_for_updates(installation.server, "calls_upload") as fill_disk:
        before = installation.full_disk_errors()
        worker = spare_workers.start(at="after_answer", act="stop")
        worker.wait_stopped()
        assert spare_scenario.sandbox.posts() == 1
        fill_disk()
        worker.send(signal.SIGCONT)
        installation.wait_for_errors("send", times=1)
        # Its lease has expired, and the expiry cannot be recorded either.
        installation.wait_for_errors("release", times=1)
        assert installation.full_disk_errors() >= before + 2
        upload = Upload.objects.get()
        assert (upload.state, upload.uploading_id) == (UploadState.SENDING, None)
        assert worker.is_alive

    seconds = spare_scenario.wait_settled()

    assert_delivered_once(spare_scenario)
    tries = UploadAttempt.objects.order_by("pk")
    assert [(one.kind, one.error_class) for one in tries] == [("send", "WorkerLost")]
    result.fault = "the database's disk is full (53100) while the answer is recorded"
    result.measure(spare_scenario.balance(), seconds)
