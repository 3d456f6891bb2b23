"""Bisection of a refused file: only the bad row is refused, within a bound of requests."""

from __future__ import annotations

import hashlib
import math
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, bisection, recovery, sending
from calls.models import Delivery, Upload, UploadAttempt
from calls.queries.blockers import blocker_of
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.delivery.bisecting import REFUSED, deliver, many_calls, poison, sends, trackers
from tests.calls.ledger import body_of, change_body
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import control

pytestmark = pytest.mark.contract("B10")


@pytest.mark.parametrize("bad", [0, 4, 6])
def test_only_the_bad_row_is_refused_and_all_others_arrive_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, bad: int
) -> None:
    calls = many_calls(cabinet, 7)
    poison(calls[bad])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    assert trackers(sandbox) == sorted(call.pk for call in calls if call is not calls[bad])
    row = row_of(calls[bad])
    assert (row.state, row.reason) == REFUSED
    of_parts = UploadAttempt.objects.filter(
        kind=UploadAttempt.Kind.SEND, upload__parent__isnull=False
    )
    assert of_parts.count() <= 2 * math.ceil(math.log2(7))
    # and the first attempt, and the cleared rows, in a regular file after each halving
    assert sends() - of_parts.count() <= 1 + math.ceil(math.log2(7))


def test_ten_thousand_rows_cost_no_more_than_twenty_seven_requests(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = many_calls(cabinet, 10_000)
    poison(calls[9_998])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    assert len(rows_in_metrika(sandbox, limit=20_000)) == 9_999
    assert control(sandbox, "ledger")["ledger"][0]["repeated_tracker_urls"] == 0
    assert Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).count() == 1
    assert sends() - 1 <= 27


def test_two_bad_rows_are_both_found(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = many_calls(cabinet, 16)
    poison(calls[2])
    poison(calls[13])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    refused = Delivery.objects.filter(state=DeliveryState.ROW_REFUSED)
    assert {row.call_id for row in refused} == {calls[2].pk, calls[13].pk}
    assert len(trackers(sandbox)) == len(set(trackers(sandbox))) == 14
    assert sends() - 1 <= 2 * 2 * math.ceil(math.log2(16))


def test_a_single_row_is_refused_once_another_file_is_taken(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    call = store_call(cabinet=cabinet, tags=["яд"])
    fault(sandbox, "whole_file_400", marker="яд", times=None)
    deliver()
    upload = Upload.objects.get()
    assert (upload.state, row_of(call).state) == (UploadState.SPLITTING, DeliveryState.BATCHED)

    store_call(cabinet=cabinet)
    deliver()

    row = row_of(call)
    upload.refresh_from_db()
    assert (row.state, row.reason, row.upload_id) == (*REFUSED, upload.pk)
    assert (upload.state, upload.attention) == (UploadState.CANCELLED, Attention.ROW_REFUSED)
    # it was sent again after the other one was taken: the counter could have been what is refused
    assert sends() == 3


def test_a_file_taken_before_the_refusal_does_not_prove_the_row_bad(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    deliver()
    fault(sandbox, "whole_file_400", marker="", times=None)
    call = store_call(cabinet=cabinet)

    deliver()
    assert row_of(call).state == DeliveryState.BATCHED
    upload = Upload.objects.get(state=UploadState.SPLITTING)
    Upload.objects.filter(pk=upload.pk).update(sent_at=timezone.now() - timedelta(days=1))
    Upload.objects.exclude(pk=upload.pk).update(accepted_at=timezone.now() - timedelta(days=2))
    deliver()

    upload.refresh_from_db()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.QUARANTINED)
    assert row_of(call).state == DeliveryState.BATCHED


def test_a_counter_over_the_limit_of_refusals_is_stopped_without_refused_rows(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, monkeypatch: Any
) -> None:
    monkeypatch.setattr(bisection, "MAX_REFUSALS_PER_DAY", 2)
    fault(sandbox, "whole_file_400", marker="", times=None)

    for _ in range(6):
        store_call(cabinet=cabinet)
        deliver()

    assert sends() == 2
    assert not Delivery.objects.filter(state=DeliveryState.ROW_REFUSED).exists()
    states = Upload.objects.values_list("state", flat=True)
    assert sorted(states) == ["splitting"] * 2
    linked_counter.refresh_from_db()
    assert "отклоняет файлы" in blocker_of(linked_counter, now=timezone.now())


def test_after_forty_parts_a_day_the_rest_waits_for_a_person(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, monkeypatch: Any
) -> None:
    assert bisection.MAX_REFUSALS_PER_DAY == 40
    monkeypatch.setattr(bisection, "MAX_REFUSALS_PER_DAY", 3)
    calls = many_calls(cabinet, 16)
    poison(calls[0])
    fault(sandbox, "whole_file_400", marker="яд", times=None)

    deliver()

    left = Upload.objects.get(state=UploadState.NEEDS_ATTENTION)
    assert (left.attention, left.rows, left.attempts) == (Attention.QUARANTINED, 4, 0)
    assert len(trackers(sandbox)) == 12
    monkeypatch.setattr(bisection, "MAX_REFUSALS_PER_DAY", 40)
    assert recovery.retry_uploads([left.pk], actor=None, now=timezone.now()) == 1
    deliver()
    assert trackers(sandbox) == sorted(call.pk for call in calls[1:])


def test_a_row_that_fails_our_own_check_is_refused_without_a_request(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    calls = [store_call(cabinet=cabinet) for _ in range(3)]
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    changed = body_of(upload.pk).replace(calls[1].client_id.encode(), b"x-1")
    set_bytes(upload, changed)
    fault(sandbox, "whole_file_400")

    deliver()

    row = row_of(calls[1])
    assert (row.state, row.reason) == (DeliveryState.ROW_REFUSED, "refused_by_check")
    assert trackers(sandbox) == sorted([calls[0].pk, calls[2].pk])
    assert sends() == 2


def set_bytes(upload: Upload, body: bytes) -> None:
    """Replace the bytes, as if an older release had written the file."""
    change_body(upload.pk, body)
    Upload.objects.filter(pk=upload.pk).update(sha256=hashlib.sha256(body).hexdigest())


@pytest.mark.contract("B9")
def test_a_partly_accepted_file_is_never_split_or_sent_again(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 4)
    fault(sandbox, "rows_refused", n=1)

    deliver()

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == (UploadState.SENT, Attention.ROW_REFUSED)
    assert (upload.source_quantity, upload.line_quantity, sends()) == (4, 3, 1)
    assert recovery.retry_uploads([upload.pk], actor=None, now=timezone.now()) == 0


def test_removing_the_counter_ends_the_bisection(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    many_calls(cabinet, 4)
    fault(sandbox, "whole_file_400", times=None)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    bisection.isolate_refused(now=timezone.now())

    linked_counter.removed_at = timezone.now()
    linked_counter.save(update_fields=["removed_at"])
    recovery.apply_counter_change(linked_counter, now=timezone.now())

    ends = Upload.objects.values_list("state", "attention")
    assert set(ends) == {(UploadState.CANCELLED, Attention.COUNTER_REMOVED)}
    assert bisection.isolate_refused(now=timezone.now()) == 0
    assert rows_in_metrika(sandbox) == []
