"""Our clock moves while an upload is being sent: no call is doubled or lost."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, lookup, recovery, results, sending
from calls.models import Upload
from calls.states import UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.sandbox_world import rows_in_metrika
from tests.calls.stored import store_call

HOUR = timedelta(hours=1)


def claimed_upload(cabinet: Cabinet) -> Upload:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.select_related("counter__account").get()
    assert sending.claim(upload, now=timezone.now())
    return upload


@pytest.mark.contract("B5")
def test_clock_moved_forward_after_the_file_was_taken(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    upload = claimed_upload(cabinet)
    sending.post(upload)

    with time_machine.travel(timezone.now() + HOUR, tick=True):
        assert recovery.release_stuck(now=timezone.now()) == 1
        assert lookup.resolve_unclear() == 1
        assert sending.send_due(seconds=5) == 0

    upload.refresh_from_db()
    # The sandbox takes an hour to process a file.
    assert upload.state == UploadState.PROCESSED
    assert len(rows_in_metrika(sandbox)) == 1


@pytest.mark.contract("B5")
def test_clock_moved_forward_does_not_prove_absence(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    upload = claimed_upload(cabinet)

    # Lease and grace are over at once; the file arrives after the first lookup.
    with time_machine.travel(timezone.now() + HOUR, tick=True):
        recovery.release_stuck(now=timezone.now())
        lookup.resolve_unclear()
        lookup.resolve_unclear()
        upload.refresh_from_db()
        assert (upload.state, upload.lookups) == (UploadState.UNCLEAR, 1)
        assert sending.send_due(seconds=5) == 0
    sending.post(upload)
    with time_machine.travel(timezone.now() + HOUR + timedelta(minutes=6), tick=True):
        lookup.resolve_unclear()

    upload.refresh_from_db()
    # The sandbox takes an hour to process a file.
    assert upload.state == UploadState.PROCESSED
    assert len(rows_in_metrika(sandbox)) == 1


@pytest.mark.contract("B3", "B5")
def test_clock_moved_back_while_an_upload_is_being_sent(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    upload = claimed_upload(cabinet)

    with time_machine.travel(timezone.now() - HOUR, tick=True):
        assert recovery.release_stuck(now=timezone.now()) == 0
        assert sending.send_due(seconds=5) == 0
        taken = sending.post(upload)
        assert results.record_taken(upload, taken, now=timezone.now())

    upload.refresh_from_db()
    assert (upload.state, upload.attempts) == (UploadState.SENT, 1)
    assert len(rows_in_metrika(sandbox)) == 1
