"""Conditions that only a race can meet: each test stages one race and fails without its condition.

The rival acts at a failpoint of delivery or in a session of its own, in a fixed order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.decide import decide
from calls.decision.horizon import LINK_HORIZON
from calls.decision.reasons import CALLED_OFF
from calls.delivery import (
    batching,
    expiry,
    hold,
    hold_many,
    lookup,
    recovery,
    redecision,
    sending,
    unlinked,
)
from calls.delivery.policy import LOOKUPS_NEEDED, lookup_spacing
from calls.models import (
    Call,
    Delivery,
    Redecision,
    UnlinkedApproval,
    Upload,
    UploadAttempt,
)
from calls.runtime import failpoints
from calls.runtime.failpoints import Name
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from counters.settings.save import save_settings
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import factories
from tests.calls.locks import wait_for_lock
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import row_of, store_call

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.contract("A3", "B2")]

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
#: Longer than any statement of these tests takes.
LOCK_TIMEOUT = "3s"
JOIN_SECONDS = 60
At = Callable[[Name, Callable[[], object]], None]


@pytest.fixture
def at() -> Iterator[At]:
    """Does something once, when delivery reaches a failpoint for the first time."""

    def listen_for(wanted: Name, act: Callable[[], object]) -> None:
        def listen(reached: Name) -> None:
            if reached == wanted:
                failpoints.listener = None
                act()

        failpoints.listener = listen

    yield listen_for
    failpoints.listener = None


@contextmanager
def uncommitted(act: Callable[[], object]) -> Iterator[None]:
    """Do something in another session, which commits at the end of the block."""
    done, may_commit = threading.Event(), threading.Event()

    def run() -> None:
        try:
            with transaction.atomic():
                act()
                done.set()
                may_commit.wait(JOIN_SECONDS)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert done.wait(JOIN_SECONDS)
        yield
    finally:
        may_commit.set()
        thread.join(JOIN_SECONDS)
    assert not thread.is_alive()


@contextmanager
def no_wait_for_locks() -> Iterator[None]:
    """Make a statement of this session fail that waits for another session's lock."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("RESET lock_timeout")


def look_up_until_absence_is_proven(clock: time_machine.Traveller) -> None:
    """Let the lease run out and Metrika's list be read until the upload may be sent again."""
    clock.shift(sending.lease_length() + timedelta(seconds=1))
    recovery.release_stuck(now=timezone.now())
    for _number in range(LOOKUPS_NEEDED):
        clock.shift(lookup_spacing(lookup.grace()))
        assert lookup.resolve_unclear() == 1
    assert Upload.objects.get().state == UploadState.LATER


def test_late_200_after_absence_was_proven_is_recorded_and_the_file_is_not_sent_again(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
    at: At,
) -> None:
    call = store_call(cabinet=cabinet)
    fault(sandbox, "list_lag", seconds=86400)
    batching.build_uploads(now=timezone.now())
    at("after_answer", lambda: look_up_until_absence_is_proven(clock))

    sending.send_due(seconds=60)
    clock.shift(timedelta(hours=2))
    sent_again = sending.send_due(seconds=60)

    upload = Upload.objects.get()
    assert (upload.state, upload.attempts, sent_again) == (UploadState.SENT, 1, 0)
    assert upload.uploading_id is not None
    assert [row["ClientId"] for row in rows_in_metrika(sandbox)] == [call.client_id]


@pytest.mark.parametrize(
    "change",
    [
        {"access": Counter.Access.LOST},
        {"access": Counter.Access.DELETED},
        {"enabled": False},
        {"removed_at": NOON},
        {"configured_at": None},
    ],
    ids=lambda change: "-".join(f"{name}-{value}" for name, value in change.items()),
)
def test_counter_that_changes_after_the_queue_was_read_sends_nothing(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    at: At,
    change: dict[str, Any],
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    at("before_claim", lambda: Counter.objects.update(**change))

    assert sending.send_due(seconds=60) == 0

    upload = Upload.objects.get()
    assert (upload.state, upload.attempts) == (UploadState.READY, 0)
    assert rows_in_metrika(sandbox) == []


@pytest.mark.parametrize("state", sorted(set(YandexAccount.State) - set(YandexAccount.USABLE)))
def test_account_that_changes_after_the_queue_was_read_sends_nothing(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, at: At, state: str
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    at("before_claim", lambda: YandexAccount.objects.update(state=state, access_token=""))

    assert sending.send_due(seconds=60) == 0

    assert Upload.objects.get().state == UploadState.READY
    assert rows_in_metrika(sandbox) == []


def test_access_refused_to_one_file_stops_the_next_file_of_the_same_queue(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox
) -> None:
    store_call(cabinet=cabinet)
    store_call(cabinet=cabinet, kind="static", client_id="")
    assert batching.build_uploads(now=timezone.now()) == 2
    fault(sandbox, "access_denied")

    assert sending.send_due(seconds=60) == 1

    uploads = Upload.objects.order_by("-attempts").values_list("state", "attempts")
    assert list(uploads) == [(UploadState.LATER, 1), (UploadState.READY, 0)]
    assert rows_in_metrika(sandbox) == []


def test_sender_that_read_the_upload_before_a_failed_attempt_does_not_claim_it(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
    at: At,
) -> None:
    store_call(cabinet=cabinet)
    batching.build_uploads(now=timezone.now())
    upload_id = Upload.objects.get().pk

    def fail_an_attempt_and_wait() -> None:
        fault(sandbox, "invalid_token")
        assert sending.send_upload(upload_id) is True
        YandexAccount.objects.update(state=YandexAccount.State.ACTIVE)
        clock.shift(timedelta(hours=2))

    at("before_claim", fail_an_attempt_and_wait)

    assert sending.send_upload(upload_id) is False

    upload = Upload.objects.get()
    assert (upload.state, upload.attempts) == (UploadState.LATER, 1)
    assert UploadAttempt.objects.count() == 1
    assert rows_in_metrika(sandbox) == []


def test_list_read_before_the_latest_attempt_is_not_counted_as_its_absence(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    clock: time_machine.Traveller,
    at: At,
) -> None:
    store_call(cabinet=cabinet)
    fault(sandbox, "reset_before", times=2)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=60)

    def send_again() -> None:
        look_up_until_absence_is_proven(clock)
        clock.shift(timedelta(hours=2))
        assert sending.send_due(seconds=60) == 1

    at("during_lookup", send_again)
    lookup.resolve_unclear()

    upload = Upload.objects.get()
    assert (upload.state, upload.attempts) == (UploadState.UNCLEAR, 2)
    assert (upload.lookups, upload.looked_up_at) == (0, None)
    lookups = UploadAttempt.objects.filter(kind=UploadAttempt.Kind.LOOKUP)
    assert lookups.count() == LOOKUPS_NEEDED
    assert UploadAttempt.objects.get(kind=UploadAttempt.Kind.SEND, number=2).error_class != ""


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=3)], ids=["today", "left over"])
def test_row_that_is_being_called_off_is_left_out_of_the_file_without_waiting(
    cabinet: Cabinet, linked_counter: Counter, age: timedelta
) -> None:
    now = timezone.now()
    changed, other = (
        store_call(cabinet=cabinet, started_at=now - age - timedelta(minutes=number))
        for number in range(2)
    )

    with uncommitted(lambda: call_off(changed)), no_wait_for_locks():
        built = batching.build_uploads(now=timezone.now())

    assert (built, Upload.objects.get().rows) == (1, 1)
    assert row_of(other).state == DeliveryState.BATCHED
    row = row_of(changed)
    assert (row.state, row.reason, row.upload_id) == (
        DeliveryState.SKIPPED,
        CALLED_OFF.code,
        None,
    )


def call_off(call: Call) -> None:
    assert hold.call_off(row_of(call), actor=None, now=timezone.now())


def test_row_that_is_put_into_a_file_as_it_expires_stays_in_the_file(
    cabinet: Cabinet, linked_counter: Counter, at: At
) -> None:
    with time_machine.travel(NOON, tick=False):
        call = store_call(cabinet=cabinet, started_at=NOON, duration_seconds=0)
    expires_at = NOON + LINK_HORIZON
    ended: list[int] = []

    def expire() -> None:
        try:
            ended.append(expiry.expire_overdue(now=expires_at))
        finally:
            connection.close()

    thread = threading.Thread(target=expire)

    def expire_beside() -> None:
        thread.start()
        wait_for_lock()

    at("before_batch_commit", expire_beside)

    batching.build_uploads(now=expires_at - timedelta(seconds=1))
    thread.join(JOIN_SECONDS)

    row, upload = row_of(call), Upload.objects.get()
    assert (row.state, row.upload_id) == (DeliveryState.BATCHED, upload.pk)
    # The file that was just committed is late itself: the upload ended, not its row.
    assert (upload.state, upload.attention) == (UploadState.CANCELLED, Attention.EXPIRED)
    assert ended == [1]


def test_expiry_locks_rows_in_the_order_in_which_decisions_lock_them(
    cabinet: Cabinet, linked_counter: Counter
) -> None:
    with time_machine.travel(NOON, tick=False):
        first, second = (
            store_call(cabinet=cabinet, started_at=NOON, duration_seconds=0) for _number in range(2)
        )
    # A new version of the first row lies behind the second one in the table.
    Delivery.objects.filter(call_id=first.pk, channel=Channel.CALLS).update(waited=True)
    ended: list[int] = []

    def expire() -> None:
        try:
            ended.append(expiry.expire_overdue(now=NOON + LINK_HORIZON))
        finally:
            connection.close()

    thread = threading.Thread(target=expire)
    with transaction.atomic():
        lock_row(first)
        thread.start()
        wait_for_lock()
        try:
            lock_row(second)
        except OperationalError as deadlock:
            pytest.fail(f"expiry holds the second row and waits for the first: {deadlock}")
    thread.join(JOIN_SECONDS)

    assert ended == [2]


@pytest.mark.parametrize("undo", ["restore", "hold_again"])
def test_undo_of_many_locks_no_row_before_those_that_come_before_it(
    cabinet: Cabinet, linked_counter: Counter, undo: str
) -> None:
    goal = factories.make_goal(counter=linked_counter)
    Counter.objects.filter(pk=linked_counter.pk).update(goal=goal)
    call, now = store_call(cabinet=cabinet), timezone.now()
    rows = Delivery.objects.filter(call_id=call.pk, channel=Channel.GOAL)
    rows.update(not_before=now)
    keys = [(call.pk, call.partition_at, Channel.GOAL.value)]
    if undo == "restore":
        with transaction.atomic():
            hold_many.call_off_many(linked_counter, keys, mark=now, now=now)

    def change() -> int:
        try:
            with transaction.atomic():
                if undo == "restore":
                    return hold_many.restore_many(linked_counter, keys, condition=Q(), now=now)
                return hold_many.hold_again_many(linked_counter, keys, mark=now, now=now)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        lock_row(call)
        changed = pool.submit(change)
        wait_for_lock()
        lock_row(call, Channel.GOAL)
        assert not changed.done()
    assert changed.result(JOIN_SECONDS) == (1 if undo == "restore" else 0)


def lock_row(call: Call, channel: Channel = Channel.CALLS) -> None:
    """Take the lock a decision would take; fails when another session holds it."""
    Delivery.objects.select_for_update(nowait=True).get(call_id=call.pk, channel=channel)


def test_approval_to_send_unlinked_waits_for_a_corrected_record(
    cabinet: Cabinet, counter: Counter
) -> None:
    call = store_call(
        cabinet=cabinet, client_id="", unreadable_identifiers={"ClientId": "1,71803E+18"}
    )
    row = Delivery.objects.select_related("call", "counter", "cabinet").get(
        call_id=call.pk, channel=Channel.CALLS
    )

    def correct() -> None:
        stored = Call.objects.select_for_update().filter(pk=call.pk)
        stored.get()
        stored.update(client_id="7", unreadable_identifiers=None)
        decide([call.pk], now=timezone.now())

    with ThreadPoolExecutor(1) as pool, uncommitted(correct):
        approved = pool.submit(approve_in_session, row)
        wait_for_lock()
    assert approved.result(JOIN_SECONDS) is False

    assert (row_of(call).state, row_of(call).is_static) == (DeliveryState.WAITING, False)
    assert not UnlinkedApproval.objects.exists()


def approve_in_session(row: Delivery) -> bool:
    try:
        return unlinked.approve(row, actor=None, now=timezone.now())
    finally:
        connection.close()


def test_call_stored_beside_a_save_is_not_sent_by_the_former_settings(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It becomes visible behind the part of the ledger that was decided again already."""
    monkeypatch.setattr(redecision, "AT_ONCE", 0)
    waiting = store_call(cabinet=cabinet, duration_seconds=300)

    with uncommitted(lambda: store_call(cabinet=cabinet, duration_seconds=20)):
        save_settings(
            counter=linked_counter,
            version=linked_counter.version,
            values={"min_duration_seconds": 60},
            actor=None,
            now=timezone.now(),
        )
        assert Redecision.objects.exists()
        redecision.run(seconds=60)
        assert not Redecision.objects.exists()
    short = Call.objects.exclude(pk=waiting.pk).get()
    assert row_of(short).state == DeliveryState.WAITING

    # More than is decided at once, so the counter is held once more.
    assert batching.build_uploads(now=timezone.now()) == 0
    redecision.run(seconds=60)
    assert batching.build_uploads(now=timezone.now()) == 1
    sending.send_due(seconds=60)

    assert row_of(short).reason == "too_short"
    assert Upload.objects.get().rows == 1
    assert len(rows_in_metrika(sandbox)) == 1


def test_file_that_is_being_built_ends_before_the_settings_are_saved(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, at: At
) -> None:
    call = store_call(cabinet=cabinet)
    saved: list[Counter] = []

    def save() -> None:
        try:
            saved.append(
                save_settings(
                    counter=linked_counter,
                    version=linked_counter.version,
                    values={"min_duration_seconds": 600},
                    actor=None,
                    now=timezone.now(),
                )
            )
        finally:
            connection.close()

    rival = threading.Thread(target=save)

    def save_meanwhile() -> None:
        rival.start()
        wait_for_lock()
        assert not saved

    at("before_batch_commit", save_meanwhile)
    assert batching.build_uploads(now=timezone.now()) == 1
    rival.join(JOIN_SECONDS)

    assert saved
    assert row_of(call).state == DeliveryState.BATCHED
