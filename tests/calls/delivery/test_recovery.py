"""What people do with refused uploads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.delivery import batching, recovery, sending
from calls.models import Call, Upload, UploadAttempt
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.ledger import change_body
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import row_of, store_call


def test_a_damaged_file_is_batched_again_and_sent_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    call = store_call(cabinet=cabinet, tags=["прежний"])
    batching.build_uploads(now=timezone.now())
    change_body(Upload.objects.get().pk, b"ClientId,DateTime\n")
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
def test_an_upload_that_metrika_may_have_is_not_retried_batched_again_or_called_off(
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


def test_an_upload_becomes_unclear_when_its_lease_runs_out(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    sending.claim(upload, now=timezone.now())
    length = sending.lease_length()

    assert recovery.release_stuck(now=timezone.now() + length - timedelta(seconds=5)) == 0
    assert recovery.release_stuck(now=timezone.now() + length) == 1

    upload.refresh_from_db()
    assert upload.state == UploadState.UNCLEAR
    assert UploadAttempt.objects.get().error_class == "WorkerLost"


def test_removing_a_counter_cancels_its_unsent_calls(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    waiting = store_call(cabinet=cabinet)

    linked_counter.removed_at = timezone.now()
    linked_counter.save(update_fields=["removed_at"])
    recovery.apply_counter_change(linked_counter, now=timezone.now())

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("cancelled", Attention.COUNTER_REMOVED)
    assert row_of(waiting).reason == "counter_removed"
    assert sending.send_due(seconds=30) == 0
    assert rows_in_metrika(sandbox) == []
