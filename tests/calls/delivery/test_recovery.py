"""What people do with refused uploads."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.delivery import batching, recovery, sending
from calls.models import Call, Upload, UploadFile
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import row_of, store_call


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
