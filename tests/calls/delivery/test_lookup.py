"""Lookups of unclear uploads: how they are claimed, and what follows from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, lookup, sending
from calls.delivery.policy import backoff
from calls.models import UploadFile
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.ledger import body_of, make_upload
from tests.calls.sandbox_world import (
    build_and_send,
    fault,
    list_requests,
    rows_in_metrika,
    send_call,
)
from tests.calls.stored import store_call
from tests.devtools.sandbox.actor import Actor

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


def test_answer_lost_after_the_file_was_taken_is_found_by_its_marker(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    fault(sandbox, "reset_after_taken", match={"path_contains": "upload_calls"})
    upload = build_and_send()
    assert upload.state == UploadState.UNCLEAR

    assert lookup.resolve_unclear() == 1

    upload.refresh_from_db()
    assert upload.state == UploadState.SENT
    assert len(rows_in_metrika(sandbox)) == 1


def test_unclear_upload_is_repeated_only_after_proof_of_absence(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, settings: Any
) -> None:
    settings.UNCLEAR_GRACE_SECONDS = 900
    store_call(cabinet=cabinet)
    fault(sandbox, "reset_middle", match={"path_contains": "upload_calls"})
    upload = build_and_send()
    frozen = body_of(UploadFile.objects.get().pk)
    assert upload.sent_at is not None

    for minutes, state in ((5, "unclear"), (10, "unclear"), (14, "unclear"), (20, "later")):
        with time_machine.travel(upload.sent_at + timedelta(minutes=minutes), tick=True):
            lookup.resolve_unclear()
        upload.refresh_from_db()
        assert (minutes, upload.state) == (minutes, state)
    assert rows_in_metrika(sandbox) == []

    with time_machine.travel(upload.sent_at + timedelta(minutes=21), tick=True):
        sending.send_due(seconds=30)
    upload.refresh_from_db()
    assert (upload.state, upload.attempts) == (UploadState.SENT, 2)
    assert body_of(UploadFile.objects.get().pk) == frozen
    assert len(rows_in_metrika(sandbox)) == 1


def test_a_refused_lookup_marks_the_counter_as_without_access(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    fault(sandbox, "reset_after_taken", match={"path_contains": "upload_calls"})
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    fault(sandbox, "access_denied", match={"path_contains": "calls_uploadings"})

    assert lookup.resolve_unclear() == 0

    linked_counter.refresh_from_db()
    assert linked_counter.access == Counter.Access.LOST
    assert lookup.due(timezone.now() + timedelta(hours=1)) == []


@pytest.mark.contract("B5", "B18")
def test_two_workers_with_the_same_unclear_upload_look_it_up_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    fault(sandbox, "reset_before", match={"path_contains": "upload_calls"})
    upload = send_call(cabinet)
    one, other = lookup.due(timezone.now()), lookup.due(timezone.now())
    assert [found.pk for found in one] == [found.pk for found in other] == [upload.pk]

    assert lookup.look_up(one) == 1
    assert lookup.look_up(other) == 0

    upload.refresh_from_db()
    assert (list_requests(sandbox), upload.lookups) == (1, 1)


@pytest.mark.contract("B12")
def test_attempts_at_a_server_that_never_answers_become_rare(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "backoff", lambda attempts: backoff(attempts, lambda: 1.0))
    pauses = []
    for attempts in (1, 2, 5, 9):
        upload = make_upload(
            counter=counter,
            state="unclear",
            uploading_id=None,
            attempts=attempts,
            lookups=2,
            sent_at=NOON - timedelta(hours=1),
        )
        lookup.settle(upload, [], now=NOON)
        upload.refresh_from_db()
        assert upload.state == UploadState.LATER
        pauses.append((upload.not_before - NOON).total_seconds())

    assert pauses == [30, 60, 480, 3600]


@pytest.mark.contract("B5", "B9")
def test_more_rows_than_were_sent_are_marked_and_nothing_is_repeated(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    fault(sandbox, "reset_before", match={"path_contains": "upload_calls"})
    upload = send_call(cabinet)
    moment = int(timezone.now().timestamp()) - 60
    rows = "".join(f"{number},{moment}\n" for number in range(3))
    metrika.upload(f"ClientId,DateTime\n{rows}", comment=upload.marker)

    lookup.resolve_unclear()

    upload.refresh_from_db()
    assert (upload.state, upload.attention) == (UploadState.SENT, Attention.QUANTITY)
    assert (upload.source_quantity, upload.rows) == (3, 1)
    assert sending.send_due(seconds=10) == 0
