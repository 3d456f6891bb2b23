"""What each bulk action does with the rows of a filter, and its undoing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.bulk import actions, orders, run
from calls.bulk.orders import Counted
from calls.bulk.selection import select
from calls.decision.decide import decide
from calls.delivery.send_orders import SendCounts
from calls.models import BulkAction, BulkKind, BulkState, Call, Delivery, SendOrder
from calls.queries.history import Filters
from calls.states import (
    Attention,
    Channel,
    DeliveryState,
    DisplayState,
    HoldBack,
    UploadState,
)
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls import ledger
from tests.calls.stored import store_call

pytestmark = pytest.mark.django_db
WAITING, SKIPPED = DeliveryState.WAITING, DeliveryState.SKIPPED
HELD = Filters(state=DisplayState.HELD)


@pytest.fixture(autouse=True)
def short_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {
        kind: actions.Action(one.rows, one.change, step=2, undo=one.undo)
        for kind, one in actions.ACTIONS.items()
    }
    monkeypatch.setattr(run, "ACTIONS", table)


@pytest.fixture
def counter(account: YandexAccount) -> Counter:
    """Holds each call for three days."""
    return factories.make_counter(account=account, defer_value=3, defer_unit="days")


@pytest.fixture
def calls(cabinet: Cabinet, counter: Counter) -> list[Call]:
    """Five held calls, from the newest to the oldest."""
    now = timezone.now()
    return [
        store_call(cabinet=cabinet, started_at=now - timedelta(hours=hours))
        for hours in range(1, 6)
    ]


def do(counter: Counter, kind: BulkKind, filters: Filters, actor: User) -> BulkAction:
    now = timezone.now()
    action = orders.order(
        kind, select(counter, filters, now=now), token=uuid4(), actor=actor, now=now
    )
    run.run_due(seconds=10)
    return BulkAction.objects.get(pk=action.pk)


def states(counter: Counter) -> list[tuple[int, str | None, bool]]:
    """Return the rows from the newest call: state, reason, whether held until later."""
    now = timezone.now()
    rows = Delivery.objects.filter(counter=counter).order_by("-partition_at", "channel")
    return [(row.state, row.reason, (row.not_before or now) > now) for row in rows]


def results(action: BulkAction) -> tuple[str, int, int, int]:
    return action.state, action.total, action.done, action.changed


def test_what_is_counted_is_called_off_and_can_be_undone(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    held, off = (WAITING, None, True), (SKIPPED, "called_off", True)
    now = timezone.now()
    selection = select(counter, Filters(call_ids=[call.pk for call in calls[:3]]), now=now)

    assert orders.count(BulkKind.CALL_OFF, selection, now=now) == Counted(3, 3)
    action = do(counter, BulkKind.CALL_OFF, selection.filters or HELD, owner)

    assert results(action) == (BulkState.DONE, 3, 3, 3)
    assert states(counter) == [off, off, off, held, held]

    # One of them is sent after all, by the button on its page: it is not of the action any more.
    Delivery.objects.filter(call_id=calls[0].pk).update(state=WAITING, reason=None)
    undoing = orders.undo(action, actor=owner, now=timezone.now())
    again = orders.undo(action, actor=owner, now=timezone.now())
    run.run_due(seconds=10)

    assert undoing is not None
    assert again == undoing
    undoing.refresh_from_db()
    assert results(undoing) == (BulkState.DONE, 2, 2, 2)
    assert states(counter) == [held] * 5
    assert orders.undo(undoing, actor=owner, now=timezone.now()) is None
    written = AuditEvent.objects.filter(action__startswith="bulk.").order_by("pk")
    assert [(one.action, one.actor, one.after["kind"]) for one in written] == [
        ("bulk.ordered", owner, "call_off"),
        ("bulk.ended", owner, "call_off"),
        ("bulk.ordered", owner, "undo_call_off"),
        ("bulk.ended", owner, "undo_call_off"),
    ]


def test_held_calls_are_released_and_held_again_while_they_still_wait(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    held, due = (WAITING, None, True), (WAITING, None, False)

    action = do(counter, BulkKind.RELEASE, HELD, owner)

    assert results(action) == (BulkState.DONE, 5, 5, 5)
    assert states(counter) == [due] * 5
    upload = ledger.make_upload(counter=counter)
    sent = Delivery.objects.filter(call_id__in=[calls[0].pk, calls[1].pk])
    sent.update(state=DeliveryState.BATCHED, upload=upload, row_number=1, call_revision=1)

    undoing = orders.undo(action, actor=owner, now=timezone.now())
    run.run_due(seconds=10)

    assert undoing is not None
    undoing.refresh_from_db()
    assert results(undoing) == (BulkState.DONE, 3, 3, 3)
    assert states(counter) == [(DeliveryState.BATCHED, None, False)] * 2 + [held] * 3


def test_filter_and_moment_bound_what_is_changed(
    counter: Counter, calls: list[Call], owner: User, cabinet: Cabinet
) -> None:
    other = factories.make_counter(account=counter.account, defer_value=3, defer_unit="days")
    for call in calls:
        ledger.make_delivery(call=call, counter=counter, channel=Channel.GOAL)
        ledger.make_delivery(call=call, counter=other)
    late = {
        "expires_at": timezone.now() - timedelta(minutes=1),
        "partition_at": calls[4].partition_at,
    }
    Delivery.objects.filter(counter=counter, call_id=calls[4].pk, channel=1).update(
        not_before=late["expires_at"], **late
    )
    now = timezone.now()
    action = orders.order(
        BulkKind.CALL_OFF,
        select(counter, Filters(channel=Channel.CALLS), now=now),
        token=uuid4(),
        actor=owner,
        now=now,
    )
    store_call(cabinet=cabinet, started_at=now - timedelta(minutes=90))
    run.run_due(seconds=10)

    action.refresh_from_db()
    assert results(action) == (BulkState.DONE, 4, 4, 4)
    off = Delivery.objects.filter(state=SKIPPED, reason="called_off")
    assert {(row.call_id, row.counter_id, row.channel) for row in off} == {
        (call.pk, counter.pk, Channel.CALLS) for call in calls[:4]
    }


def test_a_form_that_is_sent_twice_orders_once_and_a_stopped_action_changes_no_more(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    now = timezone.now()

    def order() -> BulkAction:
        selection = select(counter, HELD, now=now)
        return orders.order(BulkKind.CALL_OFF, selection, token=UUID(int=1), actor=owner, now=now)

    first = order()
    assert order() == first
    assert run.step(first.pk, now=now)
    assert orders.stop(first, actor=owner, now=now)
    assert not orders.stop(first, actor=owner, now=now)
    assert run.run_due(seconds=10) == 0

    first.refresh_from_db()
    assert results(first) == (BulkState.STOPPED, 5, 2, 2)
    assert [state for state, _reason, _held in states(counter)] == [SKIPPED] * 2 + [WAITING] * 3
    assert BulkAction.objects.count() == 1


def test_called_off_calls_return_as_the_settings_of_today_decide(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    do(counter, BulkKind.CALL_OFF, HELD, owner)
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=200)
    Call.objects.filter(pk__in=[calls[0].pk, calls[1].pk]).update(duration_seconds=300)

    action = do(counter, BulkKind.RESTORE, Filters(reason="called_off"), owner)

    assert results(action) == (BulkState.DONE, 5, 5, 5)
    held, short = (WAITING, None, True), (SKIPPED, "too_short", True)
    assert states(counter) == [held, held, short, short, short]


def test_calls_return_in_the_channel_of_the_filter_also_those_that_wait_for_a_goal(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))
    for call in calls:
        ledger.make_delivery(call=call, counter=counter, channel=Channel.GOAL, waited=True)
    do(counter, BulkKind.CALL_OFF, Filters(), owner)
    # Excluded by settings and waiting again since: of each channel a row that may come back.
    Delivery.objects.filter(counter=counter).update(waited=True)

    def reasons(channel: Channel) -> list[tuple[int, str | None, bool]]:
        now = timezone.now()
        rows = Delivery.objects.filter(counter=counter, channel=channel)
        return [(row.state, row.reason, (row.not_before or now) > now) for row in rows]

    action = do(counter, BulkKind.RESTORE, Filters(channel=Channel.CALLS), owner)
    off = [(SKIPPED, "called_off", False)] * 5
    assert (results(action), reasons(Channel.GOAL)) == ((BulkState.DONE, 5, 5, 5), off)
    assert reasons(Channel.CALLS) == [(WAITING, None, True)] * 5

    goal = factories.make_goal(counter=counter, deleted_at=timezone.now())
    Counter.objects.filter(pk=counter.pk).update(goal=goal)
    action = do(counter, BulkKind.RESTORE, Filters(channel=Channel.GOAL), owner)

    assert results(action) == (BulkState.DONE, 5, 5, 5)
    assert reasons(Channel.GOAL) == [(WAITING, None, False)] * 5


def test_refused_files_are_sent_again_as_a_whole(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    refused: dict[str, Any] = {"rows": 3, "attention": Attention.REJECTED, "uploading_id": None}
    upload = ledger.make_upload(counter=counter, state=UploadState.NEEDS_ATTENTION, **refused)
    taken = ledger.make_upload(counter=counter)
    for row, call in enumerate(calls):
        of = upload if row < 3 else taken
        Delivery.objects.filter(call_id=call.pk).update(
            state=DeliveryState.BATCHED, upload=of, row_number=row + 1, call_revision=1
        )

    action = do(counter, BulkKind.RETRY, Filters(state=DisplayState.NEEDS_ATTENTION), owner)

    assert (action.state, action.total, action.changed) == (BulkState.DONE, 3, 3)
    upload.refresh_from_db()
    taken.refresh_from_db()
    assert (upload.state, taken.state) == (UploadState.LATER, UploadState.SENT)
    assert AuditEvent.objects.filter(action="upload.retry", object_id=str(upload.pk)).count() == 1


def test_trial_calls_are_not_sent_by_a_filter(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    # A filter of the settings is their reason: they are found among the others.
    Counter.objects.filter(pk=counter.pk).update(min_duration_seconds=900)
    Call.objects.filter(pk=calls[0].pk).update(hold_back=HoldBack.TRIAL)
    decide([call.pk for call in calls], now=timezone.now())
    assert {reason for _state, reason, _held in states(counter)} == {"too_short"}
    selection = select(counter, Filters(), now=timezone.now())
    trial = orders.preview_sending_of(selection, now=timezone.now())

    action = do(counter, BulkKind.SEND, Filters(), owner)

    assert trial == SendCounts(sent=4, refused={"trial_call": 1})
    assert (action.total, action.changed) == (5, 4)
    assert [state for state, _reason, _held in states(counter)] == [SKIPPED] + [WAITING] * 4
    assert not SendOrder.objects.filter(call_id=calls[0].pk).exists()


def test_released_conversions_without_a_goal_are_not_held_for_ever_by_the_undoing(
    counter: Counter, calls: list[Call], owner: User
) -> None:
    goal = factories.make_goal(counter=counter, deleted_at=timezone.now())
    Counter.objects.filter(pk=counter.pk).update(goal=goal, send_calls=False)
    Delivery.objects.filter(counter=counter).update(channel=Channel.GOAL)
    action = do(counter, BulkKind.RELEASE, HELD, owner)

    undoing = orders.undo(action, actor=owner, now=timezone.now())
    run.run_due(seconds=10)

    assert undoing is not None
    undoing.refresh_from_db()
    assert undoing.changed == 0
    assert states(counter) == [(WAITING, None, False)] * 5
