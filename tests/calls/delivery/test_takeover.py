"""A restored database takes over files that Metrika has, and sends none of their calls again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent, Cabinet
from calls.decision import sent_before
from calls.delivery import batching, manifest, polling, resend, sending, takeover
from calls.ingest.parsing.record import read_records
from calls.ingest.store import store_calls
from calls.models import Call, Delivery, SentBefore, UnknownFile, Upload, UploadFile, Way
from calls.reconciliation.run import reconcile
from calls.runtime import failpoints
from calls.runtime.counts import MANIFESTS_FAILED, count_of
from calls.states import TAKEN_UPLOADS, Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests import factories, installation
from tests.calls.ledger import make_upload
from tests.calls.locks import wait_for_lock
from tests.calls.restoring import find_unknown_files, lose_call, lose_upload
from tests.calls.sandbox_world import build_and_send, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.responses import text_of


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.INSTALLATION_FILE = tmp_path / "installation.json"
    installation.reset_marks()
    return tmp_path / "sent"


def run_all() -> None:
    """Everything that could send a call."""
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)


def state_of(call: Call) -> tuple[Any, ...]:
    row = row_of(call)
    return row.state, row.upload_id, row.row_number, row.reason


def test_a_manifest_names_the_calls_of_a_file_before_it_is_sent(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, folder: Path
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    upload = build_and_send()

    kept = manifest.read(upload.marker)
    assert kept is not None
    assert (kept.upload_id, kept.rows, kept.is_whole) == (upload.pk, 3, True)
    assert (kept.counter, kept.channel) == (linked_counter.number, Channel.CALLS)
    assert (kept.sha256, kept.created_at) == (upload.sha256, upload.created_at)
    assert kept.revisions == (1, 1, 1)
    assert len(set(kept.keys)) == 3
    assert [path.name for path in folder.iterdir()] == [f"{upload.marker}.json.gz"]
    text = repr(kept)
    assert not any(call.phone in text or call.client_id in text for call in calls)


def test_a_file_with_a_manifest_is_an_upload_again(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    lost = build_and_send()
    numbers = {call.pk: row_of(call).row_number for call in calls}
    lose_upload(lost)
    find_unknown_files(linked_counter)

    run_all()

    upload = Upload.objects.get()
    assert (upload.pk, upload.marker, upload.rows) == (lost.pk, lost.marker, 3)
    assert (upload.state, upload.uploading_id) == (UploadState.SENT, lost.uploading_id)
    assert not UploadFile.objects.exists()
    assert upload.taken_over_at is not None
    for call in calls:
        assert state_of(call) == (DeliveryState.BATCHED, upload.pk, numbers[call.pk], None)
    assert SentBefore.objects.count() == 0
    assert UnknownFile.objects.get().state == UnknownFile.State.ADOPTED
    assert len(rows_in_metrika(sandbox)) == 3
    assert AuditEvent.objects.get().action == "upload.taken_over"
    polling.poll_open()
    assert Upload.objects.get().source_quantity == 3


def test_a_lost_call_is_attached_when_its_sender_repeats_it(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    kept, lost = store_call(cabinet=cabinet), store_call(cabinet=cabinet)
    upload = build_and_send()
    lose_upload(upload)
    lose_call(lost)
    find_unknown_files(linked_counter)
    run_all()
    assert sent_before.missing_rows(upload.pk) == 1

    again = store_call(cabinet=cabinet, external_id=lost.external_id, started_at=lost.started_at)
    new = store_call(cabinet=cabinet)
    assert state_of(again)[:3] == (DeliveryState.BATCHED, upload.pk, 2)
    run_all()

    assert sent_before.missing_rows(upload.pk) == 0
    assert len(rows_in_metrika(sandbox)) == 3
    assert row_of(new).upload_id not in (None, upload.pk)
    assert row_of(kept).upload_id == upload.pk


def test_calls_of_an_unsent_upload_that_went_in_another_file_are_not_sent_again(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    """The dump has them in a file that was called off later, and its rows batched again."""
    went, alone = store_call(cabinet=cabinet), store_call(cabinet=cabinet)
    row_of(alone)
    Delivery.objects.filter(call_id=alone.pk).update(not_before=timezone.now() + timedelta(days=1))
    lost = build_and_send()
    lose_upload(lost)
    Delivery.objects.filter(call_id=alone.pk).update(not_before=timezone.now())
    batching.build_uploads(now=timezone.now())
    old = Upload.objects.get()
    assert old.rows == 2
    find_unknown_files(linked_counter)

    run_all()

    old.refresh_from_db()
    assert (old.state, old.attention) == (UploadState.CANCELLED, Attention.SENT_BEFORE)
    assert row_of(went).upload_id == lost.pk
    assert row_of(alone).upload_id not in (lost.pk, old.pk, None)
    assert len(rows_in_metrika(sandbox)) == 2
    assert len({row["ClientId"] for row in rows_in_metrika(sandbox)}) == 2


def test_an_unclear_upload_keeps_its_rows_until_it_is_known_not_to_have_arrived(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    call = store_call(cabinet=cabinet)
    lost = build_and_send()
    lose_upload(lost)
    old = make_upload(counter=linked_counter, state=UploadState.UNCLEAR, uploading_id=None)
    Delivery.objects.filter(call_id=call.pk, channel=Channel.CALLS).update(
        state=DeliveryState.BATCHED, upload=old, row_number=1, call_revision=1
    )
    find_unknown_files(linked_counter)
    run_all()
    assert row_of(call).upload_id == old.pk
    assert SentBefore.objects.get().held_by == old

    Upload.objects.filter(pk=old.pk).update(state=UploadState.LATER)
    assert sending.send_due(seconds=30) == 0
    run_all()

    assert row_of(call).upload_id == lost.pk
    assert SentBefore.objects.count() == 0
    assert len(rows_in_metrika(sandbox)) == 1


def test_pages_of_a_taken_over_upload_say_what_is_missing(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    owner_client: Client,
    viewer_client: Client,
    admin_client: Client,
) -> None:
    kept, lost = store_call(cabinet=cabinet), store_call(cabinet=cabinet)
    upload = build_and_send()
    lose_upload(upload)
    lose_call(lost)
    find_unknown_files(linked_counter)
    run_all()

    url = reverse("calls:upload", args=[upload.pk])
    for client in (owner_client, viewer_client):
        page = text_of(client.get(url))
        assert "Выгрузка восстановлена по списку Метрики" in page
        assert "В базе нет звонков из этой выгрузки: 1." in page
        assert "Попытки отправки не сохранились." in page
        assert "Содержимого файла в базе нет" in page
        assert "ждёт очереди" not in page
    download = reverse("calls:upload-csv", args=[upload.pk])
    assert download not in owner_client.get(url).content.decode()
    assert owner_client.get(download).status_code == 404
    journey = owner_client.get(reverse("calls:journey", args=[kept.pk]))
    assert "Выгрузка восстановлена по списку Метрики" in text_of(journey)
    assert "Строка, как она отправлена" not in text_of(journey)
    change = reverse("admin:calls_upload_change", args=[upload.pk])
    assert admin_client.get(change).status_code == 200

    row = Delivery.objects.select_related("counter__goal", "upload", "cabinet").get(
        call_id=kept.pk, channel=Channel.CALLS
    )
    resend.order(row, number=1, actor=None, now=timezone.now())
    run_all()
    assert len(rows_in_metrika(sandbox)) == 3  # the person ordered it


def test_calls_of_a_taken_over_upload_are_named_by_the_comparison(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    lost = [store_call(cabinet=cabinet) for _ in range(2)][1]
    upload = build_and_send()
    lose_upload(upload)
    lose_call(lost)
    find_unknown_files(linked_counter)
    run_all()

    found = reconcile(linked_counter, now=timezone.now() + timedelta(hours=2))
    (difference,) = found.differences.all()
    assert (difference.code, difference.ours, difference.theirs) == ("calls_lost", "1", "2")
    assert difference.upload == upload


def test_a_call_that_comes_under_its_stronger_id_is_known_by_the_weaker_one(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    source = factories.make_source(cabinet=cabinet)
    weak = factories.v3_record(ctCallId=7_700_001)
    strong = dict(weak)
    del weak["universalId"]

    def send(record: dict[str, Any]) -> Call:
        read = read_records([record], source_id=source.public_id, zone=None, now=timezone.now())
        (result,) = store_calls(source=source, records=read, now=timezone.now(), way=Way.API)
        assert result.call_id is not None
        return Call.objects.get(pk=result.call_id)

    first = send(weak)
    upload = build_and_send()
    lose_upload(upload)
    lose_call(first)
    find_unknown_files(linked_counter)
    run_all()

    again = send(strong)
    run_all()
    assert again.external_id != first.external_id
    assert row_of(again).upload_id == upload.pk
    assert len(rows_in_metrika(sandbox)) == 1


def test_a_folder_that_cannot_be_written_stops_no_file(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, folder: Path
) -> None:
    folder.write_text("not a folder")
    failed = count_of(MANIFESTS_FAILED)
    store_call(cabinet=cabinet)
    assert build_and_send().state == UploadState.SENT
    assert count_of(MANIFESTS_FAILED) == failed + 1


def test_old_manifests_are_pruned(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    upload = build_and_send()
    assert manifest.prune(now=timezone.now() + timedelta(days=34)) == 0
    assert manifest.markers() == [upload.marker]
    assert manifest.prune(now=timezone.now() + timedelta(days=36)) == 1
    assert manifest.markers() == []


def test_a_damaged_manifest_counts_as_none(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    call = store_call(cabinet=cabinet)
    upload = build_and_send()
    path = manifest.path_of(upload.marker)
    path.write_bytes(path.read_bytes()[:40])
    lose_upload(upload)
    find_unknown_files(linked_counter)
    run_all()
    assert UnknownFile.objects.get().state == UnknownFile.State.OPEN
    assert row_of(call).reason == "maybe_sent"
    assert len(rows_in_metrika(sandbox)) == 1


@pytest.mark.django_db(transaction=True)
def test_a_call_that_is_repeated_during_the_takeover_is_not_sent_again(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    lost = store_call(cabinet=cabinet)
    upload = build_and_send()
    lose_upload(upload)
    lose_call(lost)
    find_unknown_files(linked_counter)

    def repeat() -> None:
        store_call(cabinet=cabinet, external_id=lost.external_id, started_at=lost.started_at)
        connection.close()

    def meanwhile(name: str) -> None:
        if name == "before_takeover_commit":
            in_thread(repeat)

    with mock.patch.object(failpoints, "listener", meanwhile):
        takeover.settle_open_files(now=timezone.now())
    again = Call.objects.get(external_id=lost.external_id)
    # The file was open for it; what was settled beside it is settled again.
    run_all()

    assert row_of(again).upload_id == upload.pk
    assert SentBefore.objects.count() == 0
    assert Upload.objects.count() == 1
    assert len(rows_in_metrika(sandbox)) == 2


@pytest.mark.django_db(transaction=True)
def test_two_takeovers_at_once_make_one_upload(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    lose_upload(build_and_send())
    (file,) = find_unknown_files(linked_counter)
    others: list[threading.Thread] = []

    def take_too() -> None:
        takeover.take_over(file, now=timezone.now())
        connection.close()

    def meanwhile(name: str) -> None:
        if name == "before_takeover_commit" and not others:
            others.append(threading.Thread(target=take_too))
            others[0].start()
            wait_for_lock()

    with mock.patch.object(failpoints, "listener", meanwhile):
        takeover.take_over(file, now=timezone.now())
        others[0].join(20)

    assert Upload.objects.count() == 1
    assert AuditEvent.objects.count() == 1
    assert Delivery.objects.batched().count() == 1


def in_thread(act: Callable[[], None]) -> None:
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(20)


def test_calls_set_aside_for_a_file_go_when_its_manifest_turns_up(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    went = store_call(cabinet=cabinet)
    lost = build_and_send()
    lose_upload(lost)
    kept = manifest.path_of(lost.marker).rename(tmp_path / "elsewhere")
    alone = store_call(cabinet=cabinet)
    find_unknown_files(linked_counter)
    run_all()
    assert {row_of(went).reason, row_of(alone).reason} == {"maybe_sent"}

    kept.rename(manifest.path_of(lost.marker))
    run_all()

    assert row_of(went).upload_id == lost.pk
    assert row_of(alone).upload_id not in (None, lost.pk)
    assert len(rows_in_metrika(sandbox)) == 2


@pytest.mark.parametrize(
    ("state", "attention"),
    [
        ("splitting", Attention.SPLIT),
        ("needs_attention", Attention.REJECTED),
        ("needs_attention", Attention.QUARANTINED),
        ("needs_attention", Attention.GOAL_GONE),
        ("needs_attention", Attention.DAMAGED),
        ("needs_attention", Attention.UNKNOWN_FATE),
        ("cancelled", Attention.SPLIT),
        ("cancelled", Attention.CALLED_OFF),
    ],
)
@pytest.mark.parametrize("rows", ["kept", "waiting", "in another upload"])
def test_an_upload_held_for_refused_that_metrika_has_sends_nothing_again(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    state: str,
    attention: Attention,
    rows: str,
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    upload = build_and_send()
    hold_for_refused(upload, state, attention)
    if rows != "kept":
        release_rows(upload)
    if rows == "in another upload":
        batching.build_uploads(now=timezone.now())

    find_unknown_files(linked_counter)
    run_all()

    upload.refresh_from_db()
    assert upload.state in TAKEN_UPLOADS
    assert {state_of(call)[:2] for call in calls} == {(DeliveryState.BATCHED, upload.pk)}
    assert sorted(state_of(call)[2] for call in calls) == [1, 2, 3]
    assert len(rows_in_metrika(sandbox)) == 3
    assert not SentBefore.objects.exists()
    assert not UnknownFile.objects.exists()


def test_rows_of_a_found_file_that_are_unknown_wait_for_a_person(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, folder: Path
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    upload = build_and_send()
    hold_for_refused(upload, "cancelled", Attention.SPLIT)
    release_rows(upload)
    manifest.path_of(upload.marker).unlink()
    # The sandbox takes files at this moment: the calls began before it.
    find_unknown_files(linked_counter)
    run_all()

    assert {state_of(call)[3] for call in calls} == {"maybe_sent"}
    file = UnknownFile.objects.get()
    assert (file.marker, file.rows, file.state) == (upload.marker, 3, UnknownFile.State.OPEN)
    assert len(rows_in_metrika(sandbox)) == 3


def test_rows_that_went_in_another_file_too_are_counted(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    upload = build_and_send()
    hold_for_refused(upload, "cancelled", Attention.SPLIT)
    release_rows(upload)
    run_all()
    assert len(rows_in_metrika(sandbox)) == 6

    find_unknown_files(linked_counter)
    run_all()

    other = Upload.objects.exclude(pk=upload.pk).get()
    assert {state_of(call)[1] for call in calls} == {other.pk}
    assert len(rows_in_metrika(sandbox)) == 6
    event = AuditEvent.objects.get(action="upload.found_taken")
    assert event.after == {"marker": upload.marker, "rows": 3, "doubled": 3}


def test_a_refused_row_that_metrika_has_is_not_offered_for_a_repeat(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    call = store_call(cabinet=cabinet)
    upload = build_and_send()
    hold_for_refused(upload, "cancelled", Attention.ROW_REFUSED)
    refused = {"state": DeliveryState.ROW_REFUSED, "reason": "refused_by_metrika"}
    Delivery.objects.filter(upload=upload).update(**refused)

    find_unknown_files(linked_counter)

    assert state_of(call) == (DeliveryState.BATCHED, upload.pk, 1, None)


def hold_for_refused(upload: Upload, state: str, attention: Attention) -> None:
    """Return to the moment before a repeat of this upload was taken."""
    Upload.objects.filter(pk=upload.pk).update(
        state=state, attention=attention, uploading_id=None, accepted_at=None, next_poll_at=None
    )


def release_rows(upload: Upload) -> None:
    """Let the rows wait, as the steps do that end an upload which has not arrived."""
    Delivery.objects.filter(upload=upload).update(
        state=DeliveryState.WAITING, upload=None, row_number=None, call_revision=None
    )
