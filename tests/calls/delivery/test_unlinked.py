"""A person sends a call whose identifier is unreadable as one that is linked to no visit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.decision.decide import decide
from calls.decision.redecide import decide_again
from calls.delivery import batching, unlinked
from calls.models import Call, Delivery, UnlinkedApproval, Upload
from calls.queries.stats import excluded_by_settings
from calls.states import Channel, DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.stored import row_of, store_call

UNREADABLE = {"ClientId": "1,71803E+18"}


@pytest.fixture
def call(cabinet: Cabinet, counter: Counter) -> Call:
    """A call with an unreadable ClientID, and a goal that it cannot reach either."""
    Counter.objects.filter(pk=counter.pk).update(goal=factories.make_goal(counter=counter))
    return store_call(cabinet=cabinet, client_id="", unreadable_identifiers=UNREADABLE)


def approve(call: Call, owner: User, **fields: Any) -> bool:
    row = Delivery.objects.select_related("call", "counter", "cabinet").get(
        call_id=call.pk, channel=fields.pop("channel", Channel.CALLS)
    )
    return unlinked.approve(row, actor=owner, now=fields.pop("now", timezone.now()))


def state_of(call: Call, channel: Channel = Channel.CALLS) -> tuple[Any, ...]:
    row = row_of(call, channel)
    return row.state, row.reason, row.is_static


def test_unreadable_identifier_waits_for_a_person(call: Call) -> None:
    assert state_of(call)[:2] == (DeliveryState.SKIPPED, "identifier_unreadable")
    assert state_of(call, Channel.GOAL)[:2] == (DeliveryState.SKIPPED, "identifier_unreadable")
    assert row_of(call).compared == ["ClientId", "1,71803E+18", True]
    assert batching.build_uploads(now=timezone.now() + timedelta(days=1)) == 0


def test_approved_call_goes_as_unlinked(call: Call, owner: User) -> None:
    assert approve(call, owner) is True
    assert approve(call, owner) is False

    assert state_of(call) == (DeliveryState.WAITING, None, True)
    assert state_of(call, Channel.GOAL)[:2] == (DeliveryState.SKIPPED, "unlinked_no_goal")
    assert excluded_by_settings(row_of(call).counter) == 0
    assert AuditEvent.objects.get().action == "delivery.sent_unlinked"
    assert batching.build_uploads(now=timezone.now() + timedelta(hours=1)) == 1
    assert Upload.objects.get().is_static


def test_approval_survives_new_decisions(call: Call, owner: User) -> None:
    approve(call, owner)

    decide([call.pk], now=timezone.now())
    decide_again(row_of(call).counter_id, now=timezone.now())
    Counter.objects.update(unlinked_mode="skip")
    decide([call.pk], now=timezone.now())

    assert state_of(call) == (DeliveryState.WAITING, None, True)


def test_corrected_record_goes_by_its_identifier(call: Call, owner: User) -> None:
    approve(call, owner)
    Call.objects.filter(pk=call.pk).update(client_id="7", unreadable_identifiers=None)

    decide([call.pk], now=timezone.now())

    assert state_of(call) == (DeliveryState.WAITING, None, False)
    assert state_of(call, Channel.GOAL)[:2] == (DeliveryState.WAITING, None)


def test_corrected_record_needs_no_approval(call: Call, owner: User) -> None:
    Call.objects.filter(pk=call.pk).update(client_id="7", unreadable_identifiers=None)
    decide([call.pk], now=timezone.now())

    assert state_of(call) == (DeliveryState.WAITING, None, False)
    assert approve(call, owner) is False
    assert not UnlinkedApproval.objects.exists()
    assert not AuditEvent.objects.exists()


def test_stale_row_is_not_approved(call: Call, owner: User) -> None:
    stale = Delivery.objects.select_related("call", "counter", "cabinet").get(
        call_id=call.pk, channel=Channel.CALLS
    )
    Call.objects.filter(pk=call.pk).update(client_id="7", unreadable_identifiers=None)
    decide([call.pk], now=timezone.now())

    assert unlinked.approve(stale, actor=owner, now=timezone.now()) is False

    assert state_of(call) == (DeliveryState.WAITING, None, False)
    assert not UnlinkedApproval.objects.exists()


@pytest.mark.parametrize("fields", [{"kind": "callback"}, {"kind": "static"}, {"yclid": "5"}])
def test_other_calls_cannot_be_approved(
    cabinet: Cabinet, counter: Counter, owner: User, fields: dict[str, Any]
) -> None:
    call = store_call(cabinet=cabinet, client_id="", unreadable_identifiers=UNREADABLE, **fields)
    before = state_of(call)

    assert approve(call, owner) is False

    assert state_of(call) == before
    assert not UnlinkedApproval.objects.exists()


def test_goal_cannot_be_approved(call: Call, owner: User) -> None:
    assert approve(call, owner, channel=Channel.GOAL) is False
    assert not UnlinkedApproval.objects.exists()


def test_approval_is_refused_after_the_horizon(call: Call, owner: User) -> None:
    later = call.started_at + timedelta(days=21)

    assert approve(call, owner, now=later) is False

    assert not UnlinkedApproval.objects.exists()
    assert state_of(call)[:2] == (DeliveryState.SKIPPED, "identifier_unreadable")


def test_approved_call_of_a_counter_that_is_off_waits(
    call: Call, owner: User, counter: Counter
) -> None:
    Counter.objects.filter(pk=counter.pk).update(enabled=False)

    assert approve(call, owner) is True
    assert state_of(call) == (DeliveryState.WAITING, None, True)
    Counter.objects.filter(pk=counter.pk).update(enabled=True)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert batching.build_uploads(now=timezone.now()) == 1


def test_approval_is_for_one_counter(call: Call, owner: User, counter: Counter) -> None:
    other = factories.make_counter(account=counter.account)
    decide([call.pk], now=timezone.now())

    row = Delivery.objects.select_related("call", "counter", "cabinet").get(
        call_id=call.pk, channel=Channel.CALLS, counter=other
    )
    assert unlinked.approve(row, actor=owner, now=timezone.now()) is True

    states = Delivery.objects.filter(call_id=call.pk, channel=Channel.CALLS)
    assert dict(states.values_list("counter_id", "state")) == {
        counter.pk: DeliveryState.SKIPPED,
        other.pk: DeliveryState.WAITING,
    }
