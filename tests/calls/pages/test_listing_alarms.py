"""What a list of Metrika shows is told by the very poll: upload, counter, notices, admin, log."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet, CallSource
from calls.delivery import lookup, polling, sending
from calls.models import UnknownFile, Upload
from calls.queries.stats import sent_totals
from calls.reconciliation.run import reconcile
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.calls.ledger import body_of
from tests.calls.sandbox_world import fault, list_requests, send_call
from tests.devtools.sandbox.actor import Actor, control
from tests.responses import text_of

UNKNOWN = f"ck{'f' * 32}"


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelname == "ERROR"]


def process(sandbox: RunningSandbox, clock: time_machine.Traveller) -> None:
    """Let two hours pass, so that Metrika processes what it has."""
    clock.shift(timedelta(hours=2))
    control(sandbox, "clock", advance_seconds=7200)


def repeat_late(upload: Upload, metrika: Actor) -> int:
    """Make Metrika take the bytes of an upload once more; return the number of the copy."""
    body = body_of(upload.pk)
    answer = metrika.upload(body, comment=upload.marker)
    assert answer.status_code == 200
    return int(answer.json()["uploading"]["id"])


@pytest.mark.contract("B8")
def test_a_file_taken_after_the_grace_is_told_by_the_next_poll_of_its_list(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    settings: Settings,
    working_day: time_machine.Traveller,
    owner_client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.UNCLEAR_GRACE_SECONDS = 60
    fault(sandbox, "reset_before", match={"path_contains": "upload_calls"})
    upload = send_call(cabinet)
    for _ in range(3):
        working_day.shift(timedelta(minutes=1))
        lookup.resolve_unclear()
    working_day.shift(timedelta(minutes=2))
    sending.send_due(seconds=30)
    process(sandbox, working_day)
    polling.poll_open()
    upload.refresh_from_db()
    assert (upload.attempts, upload.state) in [(2, "processed"), (2, "linkage_failure")]

    copy = repeat_late(upload, metrika)
    send_call(cabinet)
    working_day.shift(timedelta(minutes=11))
    before = list_requests(sandbox)
    polling.poll_open()

    assert list_requests(sandbox) == before + 1
    ids = sorted([upload.uploading_id or 0, copy])
    upload.refresh_from_db()
    assert (upload.state, upload.attention) == (UploadState.NEEDS_ATTENTION, Attention.DUPLICATE)
    assert upload.duplicate_ids == ids
    assert errors(caplog) == [f"upload {upload.marker} stands in Metrika 2 times: {ids}"]
    assert_told(owner_client, upload, ids)


def assert_told(client: Client, upload: Upload, ids: list[int]) -> None:
    page = text_of(client.get(reverse("calls:upload", args=[upload.pk])))
    assert "В Метрике оказались две одинаковые выгрузки" in page
    assert ", ".join(map(str, ids)) in page
    history = text_of(client.get(reverse("calls:history", args=[upload.counter_id])))
    assert "В Метрике оказались две одинаковые выгрузки" in history
    assert "Требует внимания" in history
    notices = text_of(client.get("/lk/integrations"))
    assert notices.count("в Метрике по две одинаковые выгрузки (1), звонков в них: 1") == 1


def test_a_doubled_upload_is_told_once_also_after_the_comparison_of_the_day(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    owner_client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    upload = send_call(cabinet)
    Upload.objects.update(state="processed", linked_quantity=1, next_poll_at=None)
    repeat_late(upload, metrika)

    for _ in range(2):
        found = reconcile(linked_counter, now=timezone.now() + timedelta(hours=2))
        assert found.difference_count == 0

    assert len(errors(caplog)) == 1
    notices = text_of(owner_client.get("/lk/integrations"))
    assert notices.count("две одинаковые выгрузки") == 1
    assert "расхождения" not in notices


def test_calls_of_a_doubled_upload_stay_counted_as_sent(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    upload = send_call(cabinet)
    repeat_late(upload, metrika)
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=True):
        polling.poll_open()

    totals = sent_totals([linked_counter], now=timezone.now())[linked_counter.pk]
    assert Upload.objects.get().attention == Attention.DUPLICATE
    assert (totals.total, totals.links.parts()) == (1, ["требуют внимания 1"])


def test_a_file_that_the_database_does_not_know_is_told_by_the_next_poll(
    cabinet: Cabinet,
    source: CallSource,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    metrika: Actor,
    owner_client: Client,
    support_page: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    send_call(cabinet)
    rows = "ClientId,DateTime\n1,1767607384\n2,1767607385\n"
    metrika.upload(rows, comment=UNKNOWN)
    metrika.upload(rows, comment="выгрузка 1С")
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=True):
        for _ in range(2):
            Upload.objects.update(next_poll_at=timezone.now())
            polling.poll_open()

    file = UnknownFile.objects.get()
    assert (file.counter, file.marker, file.rows) == (linked_counter, UNKNOWN, 2)
    assert len(errors(caplog)) == 1
    words = "В Метрике есть файлы CallKeeper, о которых база не знает: файлов — 1, строк в них — 2"
    for url in ("/lk/integrations", reverse("calls:history", args=[linked_counter.pk])):
        assert text_of(owner_client.get(url)).count(words) == 1
    listed = text_of(owner_client.get(reverse("counters:list")))
    assert "В Метрике есть файлы, о которых база не знает" in listed
    assert UNKNOWN in text_of(support_page.get(reverse("admin:calls_unknownfile_changelist")))


@pytest.fixture
def support_page(db: None) -> Client:
    person = factories.make_user(is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(person)
    return client
