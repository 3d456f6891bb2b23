"""The verification of the soak: every call is compared with its own rows, in whatever file."""

from __future__ import annotations

import time
from typing import Any

import pytest
import requests
from django.utils import timezone
from pytest_django import Settings

from calls.delivery import batching, resend, sending
from calls.models import Call, Delivery, Upload
from calls.states import Channel, DeliveryState, UploadState
from devtools.soak.balance import take_balance
from tests import factories
from tests.calls.ledger import make_upload
from tests.devtools.sandbox.actor import offline
from tests.faults.conftest import YANDEX
from tests.faults.sandbox_process import SandboxProcess
from tests.faults.scenario import Scenario

WAITING_AGAIN = {
    "state": DeliveryState.WAITING,
    "upload": None,
    "row_number": None,
    "call_revision": None,
}


@pytest.fixture
def linked(db: None, sandbox: SandboxProcess, settings: Settings) -> Scenario:
    """One counter with a goal, so a call is two rows, one per channel. Runs in this process."""
    for name in YANDEX:
        setattr(settings, name, sandbox.url)
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    settings.ATTEMPT_WAIT_SECONDS = 0
    cabinet = factories.make_cabinet()
    scenario = Scenario(sandbox, cabinet, factories.make_source(cabinet=cabinet))
    scenario.link()
    counter = scenario.counters[0]
    counter.goal = factories.make_goal(counter=counter)
    counter.save()
    return scenario


def send(scenario: Scenario) -> None:
    """Send what is waiting, in this process, and mark it processed."""
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=5)
    taken = Upload.objects.filter(state=UploadState.SENT)
    taken.update(state=UploadState.PROCESSED)


def of_channel(channel: Channel) -> Any:
    return Delivery.objects.filter(channel=channel).order_by("pk")


def test_calls_sent_once_have_no_mismatch(linked: Scenario) -> None:
    linked.receive_calls(3)
    send(linked)

    balance = linked.balance()

    assert balance.mismatches() == []
    assert (balance.sent, balance.attached, balance.held) == (6, 6, 6)


@pytest.mark.contract("B2")
@pytest.mark.parametrize("channel", list(Channel))
def test_call_sent_in_two_files_is_a_double(linked: Scenario, channel: Channel) -> None:
    linked.receive_calls(3)
    send(linked)
    again = of_channel(channel)[:1].get()
    Delivery.objects.filter(pk=again.pk).update(**WAITING_AGAIN)
    send(linked)

    balance = linked.balance()

    assert (balance.sent, balance.held) == (7, 7)
    assert (balance.attached, balance.doubles, balance.losses) == (6, 1, 0)
    assert balance.mismatches() == [
        "7 rows called sent, 6 calls attached to them",
        "1 rows doubled",
    ]


@pytest.mark.contract("B2")
@pytest.mark.parametrize("channel", list(Channel))
def test_call_sent_in_place_of_another_is_a_double_and_a_loss(
    linked: Scenario, channel: Channel
) -> None:
    """Every sum agrees: as many rows sent, attached and held as there are calls."""
    linked.receive_calls(1)
    send(linked)
    first = of_channel(channel).get()
    Delivery.objects.filter(pk=first.pk).update(**WAITING_AGAIN)
    send(linked)
    linked.receive_calls(1)
    second = of_channel(channel)[1:2].get()
    Delivery.objects.filter(pk=first.pk).update(upload=first.upload)
    of_its_file = {"state": DeliveryState.BATCHED, "row_number": 1, "call_revision": 1}
    Delivery.objects.filter(pk=second.pk).update(upload=Upload.objects.latest("pk"), **of_its_file)
    send(linked)

    balance = linked.balance()

    assert (balance.sent, balance.attached, balance.held) == (4, 4, 4)
    assert balance.mismatches() == ["1 rows doubled", "1 rows lost"]


@pytest.mark.contract("B2")
def test_row_of_a_file_missing_from_the_ledger_is_a_double(linked: Scenario) -> None:
    linked.receive_calls(1)
    send(linked)
    Upload.objects.filter(channel=Channel.CALLS).update(marker=f"ck{0:032x}")

    balance = linked.balance()

    assert balance.mismatches() == []
    of_channel(Channel.CALLS).update(**WAITING_AGAIN)
    Upload.objects.filter(channel=Channel.CALLS).delete()
    send(linked)
    assert linked.balance().mismatches() == [
        "2 rows called sent, 3 in the sandbox",
        "1 rows doubled",
    ]


def test_resend_ordered_by_a_user_is_not_a_double(linked: Scenario) -> None:
    linked.receive_calls(1)
    send(linked)
    row = of_channel(Channel.CALLS).select_related("upload", "counter__goal").get()
    assert resend.order(row, number=1, actor=None, now=timezone.now())
    waiting = linked.balance()
    send(linked)

    balance = linked.balance()

    assert (waiting.doubles, waiting.losses, waiting.is_settled) == (0, 0, False)
    assert balance.mismatches() == []
    assert (balance.sent, balance.attached, balance.held) == (3, 3, 3)


def test_second_resend_of_one_order_is_a_double(linked: Scenario) -> None:
    linked.receive_calls(1)
    send(linked)
    row = of_channel(Channel.CALLS).select_related("upload", "counter__goal").get()
    assert resend.order(row, number=1, actor=None, now=timezone.now())
    send(linked)
    Upload.objects.filter(resend__number=1).update(state=UploadState.READY, uploading_id=None)
    send(linked)

    balance = linked.balance()

    assert (balance.doubles, balance.losses, balance.held) == (1, 0, 4)


def test_rows_of_other_programs_and_cabinets_are_ignored(linked: Scenario) -> None:
    linked.receive_calls(1)
    send(linked)
    token = linked.counters[0].account.access_token
    linked.sandbox.upload_files_of_another_program(token, linked.counters[0].number, 2)
    call = Call.objects.get()
    page = f"https://other.example/calls/{call.pk}"
    rows = f"ClientId,DateTime,CallTrackerURL\n17,{int(time.time()) - 60},{page}\n"
    account = factories.make_account(cabinet=factories.make_cabinet())
    of_another_cabinet = make_upload(counter=factories.make_counter(account=account))
    for comment in ("another", of_another_cabinet.marker):
        _upload(linked, rows, comment)

    assert linked.balance().mismatches() == []


def test_calls_with_equal_identifiers_are_a_mismatch(linked: Scenario) -> None:
    linked.receive_calls(2)
    Call.objects.update(client_id="1718031415926530000")
    send(linked)

    assert linked.balance().mismatches() == ["2 calls look alike: their doubles would not be seen"]


def test_rows_of_every_page_are_verified(linked: Scenario, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devtools.soak.sandbox_api.ROWS_PER_PAGE", 4)
    linked.receive_calls(5)
    send(linked)

    pages = [len(page) for page in linked.sandbox.held()]

    assert pages == [4, 4, 2]
    assert linked.balance().mismatches() == []


def test_rows_before_the_start_are_left_out(linked: Scenario) -> None:
    linked.receive_calls(2)
    send(linked)
    newest = linked.sandbox.newest_row()

    later = take_balance(linked.cabinet, linked.sandbox.held(after=newest))

    assert newest == linked.balance().held
    assert (later.held, later.losses) == (0, 4)


def _upload(scenario: Scenario, rows: str, comment: str) -> None:
    counter = scenario.counters[0]
    requests.post(
        f"{scenario.sandbox.url}{offline('upload_calls', counter.number)}",
        params={"comment": comment},
        headers={"Authorization": f"OAuth {counter.account.access_token}"},
        files={"file": ("calls.csv", rows)},
        timeout=10,
    ).raise_for_status()
