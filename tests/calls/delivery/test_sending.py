"""Claim, send, record: the ledger and the sandbox agree after every kind of answer."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, polling, recovery, sending
from calls.models import Upload, UploadAttempt
from calls.states import Attention, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.limits.quota_reset import JITTER, next_midnight
from integrations.models import RequestDay, RequestSecond, RequestSlot, YandexAccount
from tests import factories
from tests.calls.locks import wait_for_lock
from tests.calls.sandbox_world import build_and_send, fault, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import COUNTER, control

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


def test_uploads_of_a_counter_wait_while_it_is_switched_off(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())

    Counter.objects.filter(pk=linked_counter.pk).update(enabled=False)
    assert sending.send_due(seconds=30) == 0
    assert rows_in_metrika(sandbox) == []

    Counter.objects.filter(pk=linked_counter.pk).update(enabled=True)
    assert sending.send_due(seconds=30) == 1
    assert sending.send_due(seconds=30) == 0
    assert len(rows_in_metrika(sandbox)) == 1


def test_a_second_claim_fails(cabinet: Cabinet, linked_counter: Counter) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    first, second = Upload.objects.get(), Upload.objects.get()

    assert sending.claim(first, now=timezone.now()) == 1
    assert sending.claim(second, now=timezone.now()) is None
    assert UploadAttempt.objects.count() == 1


def test_an_upload_claimed_by_another_sender_costs_no_request(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    assert sending.claim(upload, now=timezone.now()) == 1

    assert sending.send_upload(upload.pk) is False

    assert RequestSecond.objects.count() == RequestDay.objects.count() == 0
    assert UploadAttempt.objects.count() == 1


def test_a_poll_records_the_final_status(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, settings: Any
) -> None:
    store_call(cabinet=cabinet, client_id="1718031415926535897")
    upload = build_and_send()
    control(sandbox, "clock", advance_seconds=7200)

    assert polling.poll_open() == 0  # not due yet
    Upload.objects.update(next_poll_at=timezone.now())
    assert polling.poll_open() == 1

    upload.refresh_from_db()
    assert (upload.state, upload.metrika_status) == (UploadState.PROCESSED, "PROCESSED")
    assert upload.next_poll_at is None


@pytest.mark.parametrize("name", ["status_420", "status_429", "status_403_quota"])
def test_spent_day_quota_pauses_the_login_until_the_next_day(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    working_day: time_machine.Traveller,
    name: str,
) -> None:
    midnight = next_midnight(timezone.now())
    store_call(cabinet=cabinet)
    fault(sandbox, name, error_type="quota_requests_by_uid")

    upload = build_and_send()

    assert upload.state == UploadState.LATER
    # Shorter in the first hours of a day: integrations/limits/test_quota_reset.py.
    assert midnight <= upload.not_before <= midnight + JITTER
    pause = RequestDay.objects.get().paused_until
    assert pause == upload.not_before
    assert sending.send_due(seconds=30) == 0


def test_a_rejected_token_requires_reconnection_and_uploads_wait(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    control(sandbox, "people/okna-stolica/revoke-tokens", now=True)

    upload = build_and_send()

    account = YandexAccount.objects.get()
    assert account.state == YandexAccount.State.REAUTH_REQUIRED
    assert upload.state == UploadState.LATER
    assert sending.send_due(seconds=30) == 0


def test_withdrawn_access_is_recorded_on_the_counter(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    fault(sandbox, "access_denied")

    upload = build_and_send()

    linked_counter.refresh_from_db()
    assert linked_counter.access == Counter.Access.LOST
    assert upload.state == UploadState.LATER
    assert rows_in_metrika(sandbox) == []


def test_a_rejected_request_needs_attention_and_can_be_retried(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    call = store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    Upload.objects.update(marker="ck/1")
    upload = build_and_send()
    assert (upload.state, upload.attention) == (UploadState.NEEDS_ATTENTION, Attention.REJECTED)
    Upload.objects.update(marker="ck1")

    assert recovery.retry_uploads([upload.pk], actor=None, now=timezone.now()) == 1
    sending.send_due(seconds=30)

    upload.refresh_from_db()
    assert upload.state == UploadState.SENT
    assert row_of(call).upload_id == upload.pk
    assert len(rows_in_metrika(sandbox)) == 1


def test_refused_rows_are_recorded_with_counts(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    for _ in range(3):
        store_call(cabinet=cabinet)
    fault(sandbox, "rows_refused", rows=1)

    upload = build_and_send()

    assert upload.attention == Attention.ROW_REFUSED
    assert (upload.rows, upload.line_quantity) == (3, 2)
    assert recovery.retry_uploads([upload.pk], actor=None, now=timezone.now()) == 0


def test_a_request_slot_is_freed_by_an_answer_and_kept_after_a_lost_one(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    build_and_send()
    assert RequestSlot.objects.filter(held_until__isnull=False).count() == 0

    Upload.objects.update(state=UploadState.READY, uploading_id=None)
    fault(sandbox, "reset_after_taken", match={"path_contains": "upload_calls"})
    sending.send_due(seconds=30)
    assert RequestSlot.objects.filter(held_until__gt=timezone.now()).count() == 1


def test_a_claim_that_waited_for_the_row_lock_fails(
    transactional_db: None, sandbox: RunningSandbox
) -> None:
    counter = factories.make_counter(
        account=factories.make_account(cabinet=factories.make_cabinet()), number=COUNTER
    )
    store_call(cabinet=counter.cabinet)
    batching.build_uploads(now=timezone.now())
    results: list[int | None] = []

    def claim_again() -> None:
        try:
            results.append(sending.claim(Upload.objects.get(), now=timezone.now()))
        finally:
            connection.close()

    # The second claim finds the row ready, waits for our lock, and must check the row again.
    with transaction.atomic():
        assert sending.claim(Upload.objects.get(), now=timezone.now()) == 1
        thread = threading.Thread(target=claim_again)
        thread.start()
        wait_for_lock()
    thread.join(timeout=60)

    assert results == [None]
    assert UploadAttempt.objects.count() == 1
