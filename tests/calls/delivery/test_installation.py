"""A database that went back, was copied, or belongs to another installation sends nothing."""

from __future__ import annotations

import logging
from dataclasses import replace
from uuid import UUID

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet, CallSource
from calls.delivery import batching, lookup, polling, sending
from calls.models import Call, Upload, UploadAttempt
from calls.reconciliation import run
from calls.runtime import failpoints
from calls.states import UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.installation import broker_mark, guard, marks
from integrations.installation.file_mark import FileMark
from integrations.models import Installation, RequestDay, YandexAccount
from integrations.tokens import probe, refresh
from integrations.tokens.refresh import RefreshOutcome
from tests import factories, installation
from tests.calls.posting import post_calls
from tests.calls.sandbox_world import rows_in_metrika, send_call
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import control
from tests.installation import MARK

OTHER = UUID("00000000-0000-4000-8000-00000000000f")
NOWHERE = "redis://127.0.0.1:1/0"
Halt = Installation.Halt


class Died(BaseException):
    """The process ended at a failpoint."""


@pytest.fixture
def ready(cabinet: Cabinet, linked_counter: Counter) -> Upload:
    """A file that is ready to be sent."""
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    return Upload.objects.get()


def go_back(epochs: int = 1) -> None:
    """Put the epoch back as a restored dump does."""
    row = Installation.objects.get()
    Installation.objects.update(epoch=row.epoch - epochs)


def requests_made(sandbox: RunningSandbox) -> int:
    counts = control(sandbox, "requests?last=0")["counts"]
    return sum(one["count"] for one in counts if not one["path"].startswith("/sandbox"))


def facts(upload: Upload) -> dict[str, object]:
    return dict(Upload.objects.filter(pk=upload.pk).values().get())


def test_upload_is_marked_before_it_is_sent(
    ready: Upload, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int]] = []

    def look(name: failpoints.Name) -> None:
        mark = marks.highest(marks.read_all())
        if name == "before_request" and mark:
            seen.append((mark.epoch, mark.highest_upload))

    monkeypatch.setattr(failpoints, "listener", look)

    assert sending.send_due(seconds=30) == 1

    assert seen == [(1, ready.pk)]
    assert len(rows_in_metrika(sandbox)) == 1


def test_restored_database_sends_nothing_and_says_so(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    client: Client,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The dump is from before the second upload; its calls wait in the database once more."""
    send_call(cabinet)
    send_call(cabinet)
    go_back()
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.latest("pk")
    before, spent, made = facts(upload), RequestDay.objects.get().uploads, requests_made(sandbox)
    caplog.clear()

    assert sending.send_due(seconds=30) == 0
    assert sending.send_upload(upload.pk) is False

    assert facts(upload) == before
    assert UploadAttempt.objects.filter(upload=upload).count() == 0
    assert requests_made(sandbox) == made
    assert RequestDay.objects.get().uploads == spent
    errors = [one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR]
    assert errors == ["nothing is sent any more: behind"]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    words: str = answer.json()["checks"]["installation"]
    assert words.startswith("sending is halted: the database is behind what was sent (epoch 1, ")
    assert words.endswith(" has 2). Next: manage.py after_restore")
    assert b"callkeeper_sending_halted 1.0" in client.get("/metrics").content


def test_calls_are_taken_in_while_sending_is_halted(source: CallSource, counter: Counter) -> None:
    Installation.objects.update(halt_reason=Halt.FOREIGN, halted_at=timezone.now())

    answer = post_calls([factories.v3_record()], source=source)

    assert answer.status_code == 202
    assert Call.objects.count() == 1


def test_database_that_is_behind_still_reads_lists(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    upload = send_call(cabinet)
    go_back()
    assert sending.send_due(seconds=30) == 0
    Upload.objects.update(next_poll_at=timezone.now())
    made = requests_made(sandbox)

    polling.poll_open()

    assert requests_made(sandbox) == made + 1
    upload.refresh_from_db()
    assert upload.polls == 1


@pytest.mark.parametrize("cause", ["uid", "no mark", "host", "uid in the broker"])
def test_database_of_another_installation_makes_no_request(
    cause: str, ready: Upload, sandbox: RunningSandbox, settings: Settings
) -> None:
    unclear = make_unclear(ready.counter)
    rejected = factories.make_account(
        cabinet=ready.cabinet, state="reauth_required", state_reason="token_rejected"
    )
    YandexAccount.objects.update(
        token_issued_at=timezone.now() - 200 * refresh.MIN_TOKEN_AGE * 1440,
        state_changed_at=timezone.now() - 2 * probe.INTERVAL,
        refresh_token="refresh",
    )
    accounts = list(YandexAccount.objects.order_by("pk").values())
    become_foreign(cause, settings)
    before, made = facts(ready), requests_made(sandbox)

    assert sending.send_due(seconds=30) == 0
    assert polling.poll_open() == 0
    assert lookup.resolve_unclear() == 0
    assert run.reconcile_due(now=timezone.now(), seconds=10) == 0
    assert refresh.refresh(ready.counter.account_id, now=timezone.now()) is RefreshOutcome.SKIPPED
    assert probe.probe(rejected.pk, now=timezone.now()) is False
    with pytest.raises(guard.SendingHalted):
        sending.post(ready)

    assert requests_made(sandbox) == made
    assert facts(ready) == before
    unclear.refresh_from_db()
    assert (unclear.lookups, unclear.looked_up_at) == (0, None)
    assert list(YandexAccount.objects.order_by("pk").values()) == accounts
    assert Installation.objects.get().halt_reason == Halt.FOREIGN


def make_unclear(counter: Counter) -> Upload:
    store_call(cabinet=counter.cabinet)
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.latest("pk")
    Upload.objects.filter(pk=upload.pk).update(
        state=UploadState.UNCLEAR, sent_at=timezone.now(), attempts=1
    )
    return upload


def become_foreign(cause: str, settings: Settings) -> None:
    if cause == "host":
        settings.PUBLIC_URL = "https://staging.example"
    elif cause == "no mark":
        installation.remove_marks()
    elif cause == "uid":
        FileMark.from_settings().replace(replace(MARK, uid=OTHER))
    else:
        mark = replace(MARK, uid=OTHER).to_json()
        installation.redis().set(broker_mark.KEY, mark)


@pytest.mark.parametrize("lost", ["broker", "file"])
def test_sending_goes_on_when_one_mark_is_lost(
    lost: str, cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    send_call(cabinet)
    if lost == "broker":
        installation.redis().flushdb()
    else:
        installation.mark_file().unlink()

    send_call(cabinet)

    assert len(rows_in_metrika(sandbox)) == 2
    assert [one.mark and one.mark.epoch for one in marks.read_all()] == [2, 2]


def test_nothing_is_sent_when_no_mark_can_be_kept(
    ready: Upload, sandbox: RunningSandbox, settings: Settings, client: Client
) -> None:
    path, reachable = settings.INSTALLATION_FILE, settings.REDIS_URL
    settings.REDIS_URL = NOWHERE
    settings.INSTALLATION_FILE = path / "installation.json"
    before, made = facts(ready), requests_made(sandbox)

    assert sending.send_due(seconds=30) == 0

    assert (facts(ready), requests_made(sandbox)) == (before, made)
    words: str = client.get("/readyz").json()["checks"]["installation"]
    assert words.startswith("sending is halted: the mark of the installation cannot be kept (")
    assert "Next: set INSTALLATION_FILE" in words
    settings.REDIS_URL, settings.INSTALLATION_FILE = reachable, path
    assert sending.send_due(seconds=30) == 1


def test_upload_whose_mark_fails_waits_and_has_not_arrived(
    ready: Upload, sandbox: RunningSandbox, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both places fail between the check and the mark."""
    path, reachable, made = settings.INSTALLATION_FILE, settings.REDIS_URL, requests_made(sandbox)

    def break_places(name: failpoints.Name) -> None:
        if name == "after_claim":
            settings.REDIS_URL = NOWHERE
            settings.INSTALLATION_FILE = path / "installation.json"

    monkeypatch.setattr(failpoints, "listener", break_places)

    assert sending.send_upload(ready.pk) is True

    ready.refresh_from_db()
    assert (ready.state, ready.attempts) == (UploadState.LATER, 1)
    assert requests_made(sandbox) == made
    assert Installation.objects.get().halt_reason == Halt.NO_MARK
    monkeypatch.setattr(failpoints, "listener", None)
    settings.REDIS_URL, settings.INSTALLATION_FILE = reachable, path
    Upload.objects.update(not_before=timezone.now())
    assert sending.send_due(seconds=30) == 1
    assert len(rows_in_metrika(sandbox)) == 1


@pytest.mark.parametrize(("at", "marked"), [("after_claim", 0), ("after_mark", 1)])
def test_death_around_the_mark_is_safe(
    at: str,
    marked: int,
    ready: Upload,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing was sent: the database goes on; one from before the claim is judged by the mark."""
    made = requests_made(sandbox)

    def die(name: failpoints.Name) -> None:
        if name == at:
            raise Died

    monkeypatch.setattr(failpoints, "listener", die)
    with pytest.raises(Died):
        sending.send_upload(ready.pk)
    monkeypatch.setattr(failpoints, "listener", None)

    mark = marks.highest(marks.read_all())
    assert mark is not None
    assert mark.epoch == marked
    assert requests_made(sandbox) == made
    assert facts(ready)["state"] == UploadState.SENDING
    assert guard.may_send() is True
    go_back()
    assert guard.may_send() is (marked == 0)


def test_copy_sends_to_the_sandbox_only(
    ready: Upload, sandbox: RunningSandbox, settings: Settings, client: Client
) -> None:
    Installation.objects.update(kind=Installation.Kind.COPY)
    url = settings.METRIKA_API_URL
    settings.METRIKA_API_URL = "https://api-metrika.yandex.net"
    before = facts(ready)

    assert sending.send_due(seconds=30) == 0

    assert facts(ready) == before
    words: str = client.get("/readyz").json()["checks"]["installation"]
    assert words.startswith("this database is a copy, which sends nothing to Yandex.")
    settings.METRIKA_API_URL = url
    assert client.get("/readyz").json()["checks"]["installation"] == "ok"
    assert sending.send_due(seconds=30) == 1
    assert marks.read_all()[0].mark == MARK
