"""What people do with refused uploads, and the table of ways out of every state."""

from __future__ import annotations

from itertools import product

import pytest
from django.contrib.auth.models import User
from django.urls import get_resolver
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from callkeeper_metrika.schedule import SCHEDULE
from calls.delivery import batching, recovery, sending
from calls.delivery.transitions import OF_DELIVERY, OF_UPLOAD, Owner, WayOut, as_markdown
from calls.models import Call, Upload, UploadFile
from calls.states import OPEN_UPLOADS, Attention, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.paths import ROOT

DOCUMENT = ROOT / "docs" / "states.md"
WAYS = [*OF_DELIVERY.values(), *OF_UPLOAD.values()]


def test_a_damaged_file_is_gathered_anew_and_goes_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    call = store_call(cabinet=cabinet, tags=["прежний"])
    batching.build_uploads(now=timezone.now())
    UploadFile.objects.update(body=b"ClientId,DateTime\n")
    sending.send_due(seconds=30)
    damaged = Upload.objects.get()
    assert damaged.attention == Attention.DAMAGED
    Call.objects.update(tags=["новый"])

    moved = recovery.gather_again([damaged.pk], actor=owner, now=timezone.now())
    again = recovery.gather_again([damaged.pk], actor=owner, now=timezone.now())
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)

    assert (moved, again) == (1, 0)
    assert [row["Tag"] for row in rows_in_metrika(sandbox)] == ["новый"]
    assert row_of(call).upload_id != damaged.pk
    assert AuditEvent.objects.get().action == "upload.gather_again"


@pytest.mark.parametrize(
    ("state", "attention"),
    [
        (UploadState.NEEDS_ATTENTION, Attention.DUPLICATE),
        (UploadState.UNCLEAR, ""),
        (UploadState.SENT, ""),
        (UploadState.PROCESSED, Attention.ROW_REFUSED),
    ],
)
def test_what_metrika_may_hold_is_neither_retried_nor_gathered_nor_called_off(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    owner: User,
    state: str,
    attention: str,
) -> None:
    call = store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    Upload.objects.update(state=state, attention=attention, uploading_id=5)
    upload, now = Upload.objects.get(), timezone.now()

    assert recovery.retry_uploads([upload.pk], actor=owner, now=now) == 0
    assert recovery.gather_again([upload.pk], actor=owner, now=now) == 0
    assert recovery.call_off_uploads([upload.pk], actor=owner, now=now) == 0

    upload.refresh_from_db()
    assert (upload.state, row_of(call).upload_id) == (state, upload.pk)
    assert not AuditEvent.objects.exists()


def test_every_state_of_a_delivery_has_a_way_out() -> None:
    assert set(OF_DELIVERY) == set(DeliveryState)


def test_every_state_of_an_upload_has_a_way_out() -> None:
    assert {state for state, _why in OF_UPLOAD} == set(UploadState)
    assert {why for _state, why in OF_UPLOAD if why} == set(Attention)


def test_no_open_state_is_final_and_no_stuck_one_is_without_an_owner() -> None:
    for (state, _why), way in OF_UPLOAD.items():
        if state in OPEN_UPLOADS:
            assert (way.owner, bool(way.by)) == (Owner.CLOCK, True)
    for way in WAYS:
        assert bool(way.by) or way.owner in {Owner.FINAL, Owner.UPLOAD}


def test_what_a_person_may_do_is_what_the_table_says(counter: Counter) -> None:
    pairs = product([UploadState.NEEDS_ATTENTION], Attention)
    for state, why in pairs:
        way = OF_UPLOAD.get((state, why))
        upload = Upload(state=state, attention=why)
        presses = set(way.by) if way else set()
        if way is None:
            continue
        assert recovery.is_retryable(upload) is ("calls:upload-retry" in presses)
        assert recovery.is_to_gather_again(upload) is ("calls:upload-gather-again" in presses)
        assert recovery.is_not_arrived(upload) is ("calls:upload-call-off" in presses)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.step[:40])
def test_the_table_names_tasks_and_addresses_that_exist(way: WayOut) -> None:
    tasks = {row["task"] for row in SCHEDULE.values()}
    addresses = {
        f"{app}:{name}"
        for app in ("calls", "counters")
        for name in get_resolver().namespace_dict[app][1].reverse_dict
        if isinstance(name, str)
    }

    assert set(way.by) | set(way.at_last) <= tasks | addresses


def test_the_document_is_the_table() -> None:
    assert as_markdown() in DOCUMENT.read_text(encoding="utf-8")
