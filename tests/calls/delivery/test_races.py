"""What happens at the same moment: attempts of one order, settings against calls, bad rows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.delivery import batching, expiry, lookup, polling, recovery, sending
from calls.models import Call, Delivery, Upload
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import RequestDay, YandexAccount
from tests import factories
from tests.calls.delivery.test_sending import fault, rows_in_metrika, wait_for_lock
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import COUNTER, Actor, control

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


def beside(action: Callable[[], Any]) -> threading.Thread:
    """Start the action in a session of its own."""

    def run() -> None:
        try:
            action()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_two_attempts_that_arrive_at_once_see_each_other(transactional_db: None) -> None:
    cabinet = factories.make_cabinet()
    factories.make_counter(account=factories.make_account(cabinet=cabinet))
    order: dict[str, Any] = {"kind": "callback", "order_key": 10}

    with transaction.atomic():
        second = store_call(cabinet=cabinet, attempt=2, **order)
        rival = beside(lambda: _store_in_one_go(cabinet, attempt=3, **order))
        wait_for_lock()
    rival.join(timeout=10)

    third = Call.objects.get(attempt=3)
    assert row_of(second).reason == "not_last_attempt"
    assert row_of(third).state == DeliveryState.WAITING


@transaction.atomic
def _store_in_one_go(cabinet: Cabinet, **fields: Any) -> None:
    store_call(cabinet=cabinet, **fields)


@pytest.mark.parametrize(
    "later", [{"is_technical": True}, {"is_test": True}, {"is_finished": False}]
)
def test_attempt_that_cannot_go_itself_replaces_nothing(
    cabinet: Cabinet, counter: Counter, later: dict[str, Any]
) -> None:
    first = store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=1, status="fail")
    store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=2, **later)

    assert row_of(first).state == DeliveryState.WAITING


def test_call_decided_by_replaced_settings_is_decided_anew_before_it_goes(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    short = store_call(cabinet=cabinet, duration_seconds=10)
    long = store_call(cabinet=cabinet, duration_seconds=90)
    # The settings were saved while the calls were being stored, by whatever clock.
    Counter.objects.filter(pk=linked_counter.pk).update(min_duration_seconds=60, version=2)

    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)

    assert row_of(short).reason == "too_short"
    assert row_of(long).state == DeliveryState.BATCHED
    assert row_of(long).settings_version == 2
    assert len(rows_in_metrika(sandbox)) == 1


def test_returned_counter_sends_nothing_before_its_settings_are_saved(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    Counter.objects.filter(pk=linked_counter.pk).update(configured_at=None)

    assert sending.send_due(seconds=5) == 0
    assert sending.claim(Upload.objects.get(), now=timezone.now()) is False
    assert rows_in_metrika(sandbox) == []


def test_what_falls_back_after_its_counter_was_removed_is_withdrawn(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    Counter.objects.filter(pk=linked_counter.pk).update(removed_at=timezone.now())

    assert expiry.expire_overdue(now=timezone.now()) == 1

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("cancelled", Attention.COUNTER_REMOVED)


def test_refused_token_that_cannot_be_settled_is_not_asked_about_at_once(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    YandexAccount.objects.update(refresh_token="1:a:b:c")
    fault(sandbox, "invalid_token", times=None)
    fault(sandbox, "oauth_html_5xx", times=None)
    batching.build_uploads(now=timezone.now())

    sending.send_due(seconds=5)

    upload = Upload.objects.get()
    assert (upload.state, upload.attempts) == (UploadState.LATER, 1)
    assert RequestDay.objects.get().uploads == 1


def test_account_that_no_key_opens_does_not_stop_the_others(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, metrika: Actor
) -> None:
    other = factories.make_cabinet(name="Другой")
    broken = factories.make_account(cabinet=other)
    factories.make_counter(account=broken, number=COUNTER)
    store_call(cabinet=other)
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_yandexaccount SET access_token = 'v1:torn' WHERE id = %s",
            [broken.pk],
        )

    assert sending.send_due(seconds=30) == 1

    states = dict(Upload.objects.values_list("cabinet__name", "state"))
    assert states == {"Другой": UploadState.READY, cabinet.name: UploadState.SENT}


def test_account_that_no_key_opens_does_not_stop_lookups_and_polls(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    other = factories.make_cabinet(name="Другой")
    broken = factories.make_account(cabinet=other)
    factories.make_counter(account=broken, number=COUNTER)
    store_call(cabinet=other)
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_yandexaccount SET access_token = 'v1:torn' WHERE id = %s",
            [broken.pk],
        )
    fault(sandbox, "reset_after_taken", match={"path_contains": "upload_calls"})
    sending.send_due(seconds=30)
    Upload.objects.filter(cabinet=other).update(
        state=UploadState.UNCLEAR, sent_at=timezone.now() - timedelta(hours=1)
    )

    assert lookup.resolve_unclear() == 1
    assert Upload.objects.get(cabinet=cabinet).state == UploadState.SENT

    control(sandbox, "clock", advance_seconds=7200)
    Upload.objects.filter(cabinet=other).update(
        state=UploadState.SENT, uploading_id=1, accepted_at=timezone.now()
    )
    Upload.objects.update(next_poll_at=timezone.now())
    assert polling.poll_open() == 1


def test_changed_bytes_are_never_sent(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    Upload.objects.update(sha256="0" * 64)

    assert sending.send_due(seconds=5) == 0

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.DAMAGED)
    assert rows_in_metrika(sandbox) == []
    assert recovery.retry_uploads([upload.pk], actor=None, now=timezone.now()) == 0


def test_upload_whose_fate_stays_unknown_ends_with_a_person(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    with time_machine.travel(NOW, tick=False):
        store_call(cabinet=cabinet, started_at=NOW, duration_seconds=0)
        batching.build_uploads(now=NOW)
        sending.claim(Upload.objects.get(), now=NOW)
    recovery.release_stuck(now=NOW + timedelta(hours=1))

    assert expiry.expire_overdue(now=NOW + timedelta(days=21) - timedelta(seconds=1)) == 0
    assert expiry.expire_overdue(now=NOW + timedelta(days=21)) == 1

    upload = Upload.objects.get()
    assert (upload.state, upload.attention) == ("needs_attention", Attention.UNKNOWN_FATE)


def test_lookup_that_is_refused_says_so_on_the_counter(
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


def test_refused_rows_stay_said_while_the_list_is_silent(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    for _number in range(2):
        store_call(cabinet=cabinet)
    fault(sandbox, "rows_refused", rows=1)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    Upload.objects.update(next_poll_at=timezone.now())
    fault(sandbox, "html_5xx", match={"path_contains": "calls_uploadings"})

    polling.poll_open()

    assert Upload.objects.get().attention == Attention.ROW_REFUSED


def test_deciding_twice_at_once_leaves_one_row(transactional_db: None) -> None:
    cabinet = factories.make_cabinet()
    factories.make_counter(account=factories.make_account(cabinet=cabinet))
    call = store_call(cabinet=cabinet, decided=False)

    with transaction.atomic():
        decide([call.pk], now=timezone.now())
        rival = beside(lambda: decide([call.pk], now=timezone.now()))
        wait_for_lock()
    rival.join(timeout=10)

    rows = Delivery.objects.filter(call_id=call.pk)
    assert sorted(rows.values_list("channel", flat=True)) == [Channel.CALLS, Channel.GOAL]
