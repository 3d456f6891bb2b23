"""Single steps of a bisection: parts, errors, concurrency, and what proves a row bad."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, sending
from calls.models import Call, Delivery, Upload, UploadAttempt, UploadFile
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.delivery.bisecting import many_calls
from tests.calls.ingest.test_store_races import concurrently
from tests.calls.ledger import body_of, make_call, make_delivery, make_upload
from tests.calls.sandbox_world import fault
from tests.calls.stored import row_of, store_call

pytestmark = pytest.mark.contract("B10")


def test_a_refused_file_keeps_its_bytes_and_its_parts_are_copied_from_them(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    tag = 'две\nстроки, "кавычки"'
    calls = [store_call(cabinet=cabinet, tags=[tag, f"№{n}"]) for n in range(4)]
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    frozen = body_of(UploadFile.objects.get().pk)
    # Later changes of the calls must not get into the parts.
    Call.objects.update(tags=["другой"])
    fault(sandbox, "whole_file_400")
    sending.send_due(seconds=30)

    assert bisection.isolate(upload.pk, now=timezone.now()) is True

    part = Upload.objects.get(parent=upload)
    body = body_of(part.pk)
    assert body_of(upload.pk) == frozen
    assert frozen.startswith(body)
    assert part.rows == 2
    assert part.marker != upload.marker
    order = sorted(calls, key=lambda call: (call.started_at, call.pk))
    moved = [row_of(call) for call in order[:2]]
    assert [(row.upload_id, row.row_number) for row in moved] == [(part.pk, 1), (part.pk, 2)]


def test_the_bisection_waits_while_a_part_is_unclear(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 4)
    fault(sandbox, "whole_file_400")
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    upload = Upload.objects.get()
    bisection.isolate(upload.pk, now=timezone.now())
    fault(sandbox, "reset_after_taken")
    sending.send_due(seconds=30)

    assert bisection.isolate(upload.pk, now=timezone.now()) is False

    assert Upload.objects.get(parent=upload).state == UploadState.UNCLEAR
    assert Upload.objects.count() == 2


def refused(counter: Counter, **fields: Any) -> Upload:
    """Create an upload that Metrika refused as a whole just now."""
    upload = make_upload(
        counter=counter,
        state=UploadState.SPLITTING,
        attention=Attention.SPLIT,
        uploading_id=None,
        **fields,
    )
    UploadAttempt.objects.create(
        upload=upload,
        number=1,
        started_at=upload.sent_at or timezone.now(),
        error_type="invalid_uploading",
    )
    return upload


def test_an_error_in_one_bisection_does_not_stop_the_others(
    cabinet: Cabinet, counter: Counter
) -> None:
    now: datetime = timezone.now()
    broken = refused(counter, rows=2)
    UploadFile.objects.get(pk=broken.pk).delete()
    sound = refused(counter)
    make_delivery(call=make_call(cabinet=cabinet), counter=counter, upload=sound)
    make_upload(counter=counter, accepted_at=now + timedelta(seconds=1))

    assert bisection.isolate_refused(now=now + timedelta(seconds=2)) == 1

    sound.refresh_from_db()
    # another file was taken since: the row is sent again before it is refused
    assert (sound.state, sound.attention) == (UploadState.LATER, "")
    broken.refresh_from_db()
    assert broken.state == UploadState.SPLITTING


def test_a_failed_bisection_is_retried_after_the_others(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: datetime = timezone.now()
    broken, sound = refused(counter, not_before=now), refused(counter, not_before=now)
    tried: list[int] = []

    def isolate(upload_id: int, *, now: datetime) -> bool:
        tried.append(upload_id)
        if upload_id == broken.pk:
            raise RuntimeError
        return False

    monkeypatch.setattr(bisection, "isolate", isolate)
    for seconds in (0, 5, 60):
        bisection.isolate_refused(now=now + timedelta(seconds=seconds))

    assert tried == [broken.pk, sound.pk, sound.pk, sound.pk, broken.pk]


@pytest.mark.contract("B18")
@pytest.mark.django_db(transaction=True)
def test_of_concurrent_bisections_of_one_file_one_takes_a_step(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 8)
    fault(sandbox, "whole_file_400")
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    upload = Upload.objects.get()

    moved = concurrently([lambda: bisection.isolate(upload.pk, now=timezone.now())] * 4)

    assert sorted(moved) == [False, False, False, True]
    assert [part.rows for part in Upload.objects.filter(parent=upload)] == [4]
    assert Delivery.objects.filter(upload=upload).count() == 4


def test_a_file_taken_before_the_refused_one_was_sent_does_not_prove_the_row_bad(
    cabinet: Cabinet, counter: Counter
) -> None:
    now: datetime = timezone.now()
    refused_later = refused(counter, created_at=now - timedelta(hours=2), sent_at=now)
    make_delivery(call=make_call(cabinet=cabinet), counter=counter, upload=refused_later)
    make_upload(counter=counter, accepted_at=now - timedelta(hours=1))

    assert bisection.isolate_refused(now=now + timedelta(seconds=1)) == 0

    refused_later.refresh_from_db()
    assert (refused_later.state, refused_later.attention) == (
        UploadState.SPLITTING,
        Attention.SPLIT,
    )
