"""Claim, send, record: what the sandbox holds is what the ledger says, whatever goes wrong."""

from __future__ import annotations

import csv
import io
import threading
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, expiry, lookup, polling, recovery, sending
from calls.models import Delivery, Upload, UploadAttempt, UploadFile
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.limits.quota_reset import JITTER, next_midnight
from integrations.models import RequestDay, RequestSecond, RequestSlot, YandexAccount
from tests import factories
from tests.calls.stored import row_of, store_call
from tests.devtools.sandbox.actor import COUNTER, control

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)


def rows_in_metrika(sandbox: RunningSandbox, channel: str = "calls") -> list[dict[str, str]]:
    rows: list[dict[str, str]] = control(
        sandbox, f"rows?counter={COUNTER}&channel={channel}&limit=1000"
    )["rows"]
    return rows


def fault(sandbox: RunningSandbox, name: str, **details: Any) -> None:
    control(sandbox, "faults", name=name, **{"times": 1} | details)


def file_rows() -> list[dict[str, str]]:
    body = bytes(UploadFile.objects.get().body)
    assert not body.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(body.decode())))


def build_and_send() -> Upload:
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    return Upload.objects.get()


@pytest.mark.contract("C4")
def test_call_reaches_metrika_with_exactly_the_right_values(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    Counter.objects.filter(pk=linked_counter.pk).update(price=Decimal("1500.00"))
    started = timezone.now().replace(microsecond=0) - timedelta(hours=1)
    tag = '=1+1, "кавычки"\nвторая строка 😀'
    call = store_call(
        cabinet=cabinet,
        started_at=started,
        client_id="1718031415926535897",
        tags=[tag, "б"],
        hold_seconds=11,
        status="success",
        is_unique=True,
    )

    upload = build_and_send()

    (row,) = rows_in_metrika(sandbox)
    assert {name: row[name] for name in row if name[0].isupper()} == {
        "ClientId": "1718031415926535897",
        "DateTime": str(int(started.timestamp())),
        "StaticCall": "0",
        "Price": "1500.00",
        "Currency": "RUB",
        "PhoneNumber": "+79161234567",
        "TalkDuration": "152",
        "HoldDuration": "11",
        "CallMissed": "0",
        "Tag": f"{tag}, б",
        "FirstTimeCaller": "1",
        "URL": "https://okna-stolica.example/balkon",
        "CallTrackerURL": f"http://127.0.0.1:8000/lk/integrations/calls/{call.pk}",
    }
    assert (upload.state, upload.rows, upload.line_quantity) == (UploadState.SENT, 1, 1)
    assert row["comment"] == upload.marker
    assert upload.marker.isalnum()


@pytest.mark.parametrize(
    ("chosen", "fields", "expected"),
    [
        ({"phone_mode": "masked"}, {}, {"PhoneNumber": "+7******4567"}),
        ({}, {"status": ""}, {"CallMissed": ""}),
        ({"phone_mode": "none"}, {}, {"PhoneNumber": ""}),
        ({"tag_mode": "none"}, {}, {"Tag": ""}),
        (
            {"tag_mode": "manual", "manual_tag_incoming": "Коллтрек"},
            {},
            {"Tag": "Коллтрек"},
        ),
        (
            {"tag_mode": "manual", "manual_tag_callback": "Обратный"},
            {"kind": "callback"},
            {"Tag": "Обратный"},
        ),
        ({}, {"status": "fail"}, {"CallMissed": "1"}),
        ({}, {"is_unique": False}, {"FirstTimeCaller": "0"}),
        ({}, {"hold_seconds": None}, {"HoldDuration": ""}),
        ({}, {}, {"Price": "", "Currency": ""}),
        ({}, {"page_url": ""}, {"URL": ""}),
        ({}, {"kind": "static"}, {"StaticCall": "1", "ClientId": ""}),
    ],
)
def test_settings_shape_the_row(
    cabinet: Cabinet,
    linked_counter: Counter,
    chosen: dict[str, Any],
    fields: dict[str, Any],
    expected: dict[str, str],
) -> None:
    Counter.objects.filter(pk=linked_counter.pk).update(**chosen)
    store_call(cabinet=cabinet, **fields)

    batching.build_uploads(now=timezone.now())

    (row,) = file_rows()
    assert {name: row[name] for name in expected} == expected


MASKED = {
    "+123": "",
    "+1234": "",
    "+12345": "",
    "+123456": "",
    "+1234567": "",
    "+12345678": "",
    "+123456789": "+1****6789",
    "+1234567890": "+1*****7890",
    "+12345678901": "+1******8901",
    "+123456789012": "+1*******9012",
}


def test_masked_phone_hides_as_many_digits_as_it_keeps_at_the_end(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    Counter.objects.filter(pk=linked_counter.pk).update(phone_mode="masked")
    for phone in MASKED:
        store_call(cabinet=cabinet, phone=phone)

    batching.build_uploads(now=timezone.now())

    assert [row["PhoneNumber"] for row in file_rows()] == list(MASKED.values())


def test_goal_is_reached_through_its_own_channel(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    goal = factories.make_goal(counter=linked_counter, identifier="calltracking_call_order")
    Counter.objects.filter(pk=linked_counter.pk).update(goal=goal, send_calls=False)
    call = store_call(cabinet=cabinet, client_id="1718031415926535897")

    upload = build_and_send()

    (row,) = rows_in_metrika(sandbox, "goal")
    assert (row["ClientId"], row["Target"]) == ("1718031415926535897", "calltracking_call_order")
    assert (upload.state, upload.channel) == (UploadState.SENT, Channel.GOAL)
    assert rows_in_metrika(sandbox) == []
    assert row_of(call).reason == "calls_off"


def test_identifier_kinds_and_static_calls_go_in_files_of_their_own(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    store_call(cabinet=cabinet, client_id="", yclid="5")
    store_call(cabinet=cabinet, kind="static")

    batching.build_uploads(now=timezone.now())

    files = sorted(Upload.objects.values_list("id_kind", "is_static", "rows"))
    assert files == [(1, False, 1), (1, True, 1), (2, False, 1)]


def test_calls_wait_for_company(cabinet: Cabinet, linked_counter: Counter, settings: Any) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 300
    with time_machine.travel(NOW, tick=False):
        store_call(cabinet=cabinet)

    assert batching.build_uploads(now=NOW + timedelta(seconds=299)) == 0
    assert batching.build_uploads(now=NOW + timedelta(seconds=300)) == 1


def test_full_file_does_not_wait(cabinet: Cabinet, linked_counter: Counter, settings: Any) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS, settings.UPLOAD_MAX_ROWS = 300, 2
    for _ in range(3):
        store_call(cabinet=cabinet)

    assert batching.build_uploads(now=timezone.now()) == 1
    assert Upload.objects.get().rows == 2
    assert Delivery.objects.filter(state=DeliveryState.WAITING).count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"enabled": False},
        {"removed_at": NOW},
        {"access": Counter.Access.LOST},
    ],
)
def test_counter_that_cannot_take_calls_gets_no_file(
    cabinet: Cabinet, linked_counter: Counter, change: dict[str, Any]
) -> None:
    store_call(cabinet=cabinet)
    Counter.objects.filter(pk=linked_counter.pk).update(**change)

    assert batching.build_uploads(now=timezone.now()) == 0
    assert row_of_state() == [DeliveryState.WAITING]


def row_of_state() -> list[int]:
    return list(Delivery.objects.filter(channel=Channel.CALLS).values_list("state", flat=True))


def test_nothing_is_sent_while_the_counter_is_off_and_all_of_it_once_it_is_on(
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


def test_second_claim_loses(cabinet: Cabinet, linked_counter: Counter) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    mine, theirs = Upload.objects.get(), Upload.objects.get()

    assert sending.claim(mine, now=timezone.now()) is True
    assert sending.claim(theirs, now=timezone.now()) is False
    assert UploadAttempt.objects.count() == 1


def test_what_another_sender_has_costs_no_request(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    upload = Upload.objects.get()
    assert sending.claim(upload, now=timezone.now()) is True

    assert sending.send_upload(upload.pk) is False

    assert RequestSecond.objects.count() == RequestDay.objects.count() == 0
    assert UploadAttempt.objects.count() == 1


def test_status_ripens_into_accepted(
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
    frozen = bytes(UploadFile.objects.get().body)
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
    assert bytes(UploadFile.objects.get().body) == frozen
    assert len(rows_in_metrika(sandbox)) == 1


def test_silent_worker_leaves_an_unclear_upload(cabinet: Cabinet, linked_counter: Counter) -> None:
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


def test_rejected_token_asks_for_reconnection_and_everything_waits(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    control(sandbox, "people/okna-stolica/revoke-tokens", now=True)

    upload = build_and_send()

    account = YandexAccount.objects.get()
    assert account.state == YandexAccount.State.REAUTH_REQUIRED
    assert upload.state == UploadState.LATER
    assert sending.send_due(seconds=30) == 0


def test_withdrawn_right_is_said_on_the_counter(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    fault(sandbox, "access_denied")

    upload = build_and_send()

    linked_counter.refresh_from_db()
    assert linked_counter.access == Counter.Access.LOST
    assert upload.state == UploadState.LATER
    assert rows_in_metrika(sandbox) == []


def test_request_refused_for_our_mistake_waits_for_a_person_who_may_retry(
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


def test_rows_refused_are_said_with_numbers(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    for _ in range(3):
        store_call(cabinet=cabinet)
    fault(sandbox, "rows_refused", rows=1)

    upload = build_and_send()

    assert upload.attention == Attention.ROW_REFUSED
    assert (upload.rows, upload.line_quantity) == (3, 2)
    assert recovery.retry_uploads([upload.pk], actor=None, now=timezone.now()) == 0


def test_slot_is_free_after_an_answer_and_kept_after_silence(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    build_and_send()
    assert RequestSlot.objects.filter(held_until__isnull=False).count() == 0

    Upload.objects.update(state=UploadState.READY, uploading_id=None)
    fault(sandbox, "reset_after_taken", match={"path_contains": "upload_calls"})
    sending.send_due(seconds=30)
    assert RequestSlot.objects.filter(held_until__gt=timezone.now()).count() == 1


def test_removed_counter_takes_its_unsent_calls_along(
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


def test_calls_past_the_horizon_expire(cabinet: Cabinet, linked_counter: Counter) -> None:
    with time_machine.travel(NOW, tick=False):
        batched = store_call(cabinet=cabinet, started_at=NOW, duration_seconds=0)
        batching.build_uploads(now=NOW)
        waiting = store_call(cabinet=cabinet, started_at=NOW)

    assert expiry.expire_overdue(now=NOW + timedelta(days=21) - timedelta(seconds=1)) == 0
    assert expiry.expire_overdue(now=NOW + timedelta(days=21)) == 2

    assert row_of(waiting).state == DeliveryState.EXPIRED
    assert row_of(batched).state == DeliveryState.BATCHED
    assert Upload.objects.get().attention == Attention.EXPIRED


def test_rival_that_waited_for_the_row_loses(
    transactional_db: None, sandbox: RunningSandbox
) -> None:
    counter = factories.make_counter(
        account=factories.make_account(cabinet=factories.make_cabinet()), number=COUNTER
    )
    store_call(cabinet=counter.cabinet)
    batching.build_uploads(now=timezone.now())
    results: list[bool] = []

    def rival() -> None:
        try:
            results.append(sending.claim(Upload.objects.get(), now=timezone.now()))
        finally:
            connection.close()

    # The rival finds the row ready, waits for our lock, and must look at it again.
    with transaction.atomic():
        assert sending.claim(Upload.objects.get(), now=timezone.now()) is True
        thread = threading.Thread(target=rival)
        thread.start()
        wait_for_lock()
    thread.join(timeout=10)

    assert results == [False]
    assert UploadAttempt.objects.count() == 1


def wait_for_lock() -> None:
    """Return once another session waits for a lock of ours."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")
