"""Concurrent events: attempts of one order, settings while calls are stored, damaged rows."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.delivery import batching, lookup, polling, recovery, sending
from calls.models import Call, Delivery, Upload
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from counters.settings.save import save_settings
from devtools.sandbox import RunningSandbox
from integrations.models import RequestDay, YandexAccount
from tests import factories
from tests.calls.locks import wait_for_lock
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import COUNTER, Actor, control

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


def in_session(action: Callable[[], Any]) -> threading.Thread:
    """Start the action in a session of its own."""

    def run() -> None:
        try:
            action()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_of_two_concurrent_attempts_of_an_order_only_the_last_waits(transactional_db: None) -> None:
    cabinet = factories.make_cabinet()
    factories.make_counter(account=factories.make_account(cabinet=cabinet))
    order: dict[str, Any] = {"kind": "callback", "order_key": 10}

    with transaction.atomic():
        second = store_call(cabinet=cabinet, attempt=2, **order)
        other = in_session(lambda: store_in_transaction(cabinet, attempt=3, **order))
        wait_for_lock()
    other.join(timeout=60)

    third = Call.objects.get(attempt=3)
    assert row_of(second).reason == "not_last_attempt"
    assert row_of(third).state == DeliveryState.WAITING


@transaction.atomic
def store_in_transaction(cabinet: Cabinet, **fields: Any) -> None:
    store_call(cabinet=cabinet, **fields)


@pytest.mark.parametrize(
    "later", [{"is_technical": True}, {"is_test": True}, {"is_finished": False}]
)
def test_an_attempt_that_is_not_sent_does_not_replace_the_one_before(
    cabinet: Cabinet, counter: Counter, later: dict[str, Any]
) -> None:
    first = store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=1, status="fail")
    store_call(cabinet=cabinet, kind="callback", order_key=10, attempt=2, **later)

    assert row_of(first).state == DeliveryState.WAITING


def test_a_call_decided_by_older_settings_is_decided_again_before_batching(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    short = store_call(cabinet=cabinet, duration_seconds=10)
    long = store_call(cabinet=cabinet, duration_seconds=90)
    # The settings were saved while the calls were being stored; the version decides, not the time.
    Counter.objects.filter(pk=linked_counter.pk).update(min_duration_seconds=60, version=2)

    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)

    assert row_of(short).reason == "too_short"
    assert row_of(long).state == DeliveryState.BATCHED
    assert row_of(long).settings_version == 2
    assert len(rows_in_metrika(sandbox)) == 1


@pytest.mark.parametrize(("sends", "reason"), [(True, None), (False, "before_connection")])
def test_first_save_waits_for_calls_that_are_being_stored(
    transactional_db: None, sends: bool, reason: str | None
) -> None:
    cabinet = factories.make_cabinet()
    counter = factories.make_counter(
        account=factories.make_account(cabinet=cabinet),
        added_at=timezone.now() - timedelta(days=1),
        configured_at=None,
    )

    def save() -> None:
        save_settings(
            counter=counter,
            version=counter.version,
            values={},
            actor=None,
            now=timezone.now(),
            sends_waiting=sends,
        )

    with transaction.atomic():
        call = store_call(cabinet=cabinet)
        other = in_session(save)
        wait_for_lock()
        assert row_of(call).reason == "not_configured"
    other.join(timeout=60)

    assert row_of(call).reason == reason


def test_a_restored_counter_sends_nothing_before_its_settings_are_saved(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    Counter.objects.filter(pk=linked_counter.pk).update(configured_at=None)

    assert sending.send_due(seconds=5) == 0
    assert sending.claim(Upload.objects.get(), now=timezone.now()) is None
    assert rows_in_metrika(sandbox) == []


def test_a_refused_token_that_cannot_be_renewed_now_is_not_retried_at_once(
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


def test_an_account_with_an_undecryptable_token_does_not_stop_the_sending_of_others(
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


def test_an_account_with_an_undecryptable_token_does_not_stop_lookups_and_polls(
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


def test_changed_bytes_are_not_sent(
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


def test_refused_rows_stay_marked_while_the_list_cannot_be_read(
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


def test_concurrent_decisions_of_a_call_leave_one_row_per_channel(transactional_db: None) -> None:
    cabinet = factories.make_cabinet()
    factories.make_counter(account=factories.make_account(cabinet=cabinet))
    call = store_call(cabinet=cabinet, decided=False)

    with transaction.atomic():
        decide([call.pk], now=timezone.now())
        other = in_session(lambda: decide([call.pk], now=timezone.now()))
        wait_for_lock()
    other.join(timeout=60)

    rows = Delivery.objects.filter(call_id=call.pk)
    assert list(rows.values_list("channel", flat=True)) == [Channel.CALLS]
