"""The database's disk is full while a file is built, claimed or recorded: a delay, and no double.

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
from tests.faults.disk_quota import led_to, no_room_for, no_room_for_changes
from tests.faults.processes import Crew, Nursery
from tests.faults.results import Result
from tests.faults.sandbox_process import StandIn
from tests.faults.stage import Stage
from tests.faults.wait import wait_for

CALLS = 7
#: More ticks of trouble than a login has slots.
TICKS = 5
#: As in production: what is held until a lease ends would be held for minutes.
LONG_LEASE = {
    "CONNECT_TIMEOUT_SECONDS": 5,
    "UPLOAD_READ_TIMEOUT_SECONDS": 120,
    "LEASE_MARGIN_SECONDS": 60,
}
AT_ONCE_SECONDS = 10


@dataclass(frozen=True)
class Company:
    """Workers whose database is the spare one, and what they say."""

    server: Postgres
    nursery: Nursery
    log: Path

    def troubles(self, step: str) -> int:
        """How often a step of delivery said that the database does not let it work."""
        return self.log.read_text(encoding="utf-8").count(f"{step}: OperationalError")

    def wait_troubled(self, step: str, *, times: int = TICKS) -> None:
        enough = self.troubles(step) + times
        wait_for(
            lambda: self.troubles(step) >= enough,
            seconds=20,
            what=f"{step} is in trouble {times} times more",
        )

    def full_disk_errors(self) -> int:
        """How often the server itself said that there is no room."""
        return self.server.log.read_text(encoding="utf-8").count("No space left on device")


@pytest.fixture(scope="module")
def company(
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
    environment: dict[str, str],
) -> Iterator[Company]:
    home = tmp_path_factory.mktemp("full-disk")
    # Nothing crashes here, so it need not write for good.
    server = Postgres(home / "postgres", password="only-for-tests", temporary=True)
    server.start()
    with django_db_blocker.unblock(), led_to(server):
        call_command("migrate", verbosity=0)
    log = home / "workers.log"
    nursery = Nursery(environment | {"DATABASE_URL": server.url}, log)
    yield Company(server, nursery, log)
    nursery.close()
    server.stop()


@pytest.fixture
def spare_stage(transactional_db: None, company: Company, sandbox: StandIn) -> Iterator[Stage]:
    """A cabinet in the spare database, with calls for one counter."""
    with led_to(company.server):
        call_command("flush", verbosity=0, interactive=False)
        cabinet = factories.make_cabinet()
        stage = Stage(sandbox, cabinet, factories.make_source(cabinet=cabinet))
        stage.link()
        yield stage


@pytest.fixture
def spare_crew(spare_stage: Stage, company: Company) -> Iterator[Crew]:
    crew = Crew(company.nursery)
    yield crew
    crew.dismiss()


def assert_delivered_once(stage: Stage) -> None:
    balance = stage.balance()
    assert balance.mismatches() == []
    assert (balance.calls, balance.held) == (CALLS, CALLS)
    assert stage.sandbox.posts() == 1
    assert Upload.objects.get().attempts == 1


@pytest.mark.contract("B22")
def test_full_disk_while_a_file_is_built_only_delays(
    spare_stage: Stage, spare_crew: Crew, company: Company, result: Result
) -> None:
    spare_stage.calls(CALLS)
    with no_room_for(company.server, "calls_uploadfile"):
        heard = company.full_disk_errors()
        worker = spare_crew.hire()
        company.wait_troubled("build")
        assert company.full_disk_errors() >= heard + TICKS
        # All of a build or nothing of it: no row is taken from the queue, no file is half there.
        rows = Delivery.objects.filter(channel=Channel.CALLS)
        assert rows.filter(state=DeliveryState.WAITING, upload=None).count() == CALLS
        assert not Upload.objects.exists()
        assert spare_stage.sandbox.posts() == 0
        assert worker.is_alive

    seconds = spare_stage.wait_settled()

    assert_delivered_once(spare_stage)
    assert seconds < AT_ONCE_SECONDS
    result.fault = "the database's disk is full (53100) while a file is built"
    result.measure(spare_stage.balance(), seconds)


@pytest.mark.contract("B3", "B22")
def test_full_disk_while_an_upload_is_claimed_sends_nothing_and_holds_nothing(
    spare_stage: Stage, spare_crew: Crew, company: Company, result: Result
) -> None:
    spare_stage.calls(CALLS)
    with no_room_for(company.server, "calls_uploadattempt"):
        heard = company.full_disk_errors()
        worker = spare_crew.hire(pace=LONG_LEASE)
        company.wait_troubled("send")
        assert company.full_disk_errors() >= heard + TICKS
        upload = Upload.objects.get()
        assert (upload.state, upload.attempts, upload.lease_until) == (UploadState.READY, 0, None)
        assert spare_stage.sandbox.posts() == 0
        assert worker.is_alive

    seconds = spare_stage.wait_settled()

    assert_delivered_once(spare_stage)
    # A slot or a request of the day kept by a try that sent nothing would be missed for minutes.
    assert seconds < AT_ONCE_SECONDS
    assert not RequestSlot.objects.exclude(held_until=None).exists()
    assert RequestDay.objects.get().uploads == 1
    result.fault = "the database's disk is full (53100) while an upload is claimed"
    result.measure(spare_stage.balance(), seconds)


@pytest.mark.contract("B5", "B22")
def test_full_disk_while_the_answer_is_recorded_leads_to_a_lookup_and_no_double(
    spare_stage: Stage, spare_crew: Crew, company: Company, result: Result
) -> None:
    spare_stage.calls(CALLS)
    with no_room_for_changes(company.server, "calls_upload") as use_up:
        heard = company.full_disk_errors()
        worker = spare_crew.hire(at="after_answer", act="stop")
        worker.wait_stopped()
        assert spare_stage.sandbox.posts() == 1
        use_up()
        worker.send(signal.SIGCONT)
        company.wait_troubled("send", times=1)
        # Its lease has run out, and not even that can be written down.
        company.wait_troubled("release", times=1)
        assert company.full_disk_errors() >= heard + 2
        upload = Upload.objects.get()
        assert (upload.state, upload.uploading_id) == (UploadState.SENDING, None)
        assert worker.is_alive

    seconds = spare_stage.wait_settled()

    assert_delivered_once(spare_stage)
    tries = UploadAttempt.objects.order_by("pk")
    assert [(one.kind, one.error_class) for one in tries] == [("send", "WorkerLost")]
    result.fault = "the database's disk is full (53100) while the answer is recorded"
    result.measure(spare_stage.balance(), seconds)
