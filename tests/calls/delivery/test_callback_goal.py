"""Callbacks reach a goal of their own, when the counter has one."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from calls.decision.decide import decide
from calls.decision.redecide import decide_again
from calls.delivery import batching, file_store
from calls.delivery.goal_check import has_goal
from calls.delivery.resend import NO_GOAL, resend_blocker
from calls.delivery.rows import return_to_waiting
from calls.models import Call, Delivery, Upload
from calls.states import GOAL_GONE, Channel, DeliveryState, UploadState
from counters.models import Counter, Goal
from tests import factories
from tests.calls.stored import row_of, store_call


@pytest.fixture
def callbacks(counter: Counter) -> Goal:
    """The goal of callbacks of a counter that sends conversions alone."""
    goal = factories.make_goal(counter=counter)
    other = factories.make_goal(counter=counter, identifier="call", name="Обратный звонок")
    values = {"goal": goal, "callback_goal": other, "send_calls": False}
    Counter.objects.filter(pk=counter.pk).update(**values)
    return other


def store_both(counter: Counter) -> tuple[Call, Call]:
    """Store an incoming call and a callback."""
    incoming = store_call(cabinet=counter.cabinet)
    callback = store_call(cabinet=counter.cabinet, service_type="callback", kind="callback")
    return incoming, callback


def test_each_row_of_a_file_names_the_goal_of_its_kind(
    counter: Counter, callbacks: Goal, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    incoming, callback = store_both(counter)

    batching.build_uploads(now=timezone.now())

    upload = Upload.objects.get()
    assert upload.target == "calltracking_call_order\ncall"
    rows = list(csv.DictReader(io.StringIO(b"".join(file_store.bytes_of(upload.pk)).decode())))
    assert {row["ClientId"]: row["Target"] for row in rows} == {
        incoming.client_id: "calltracking_call_order",
        callback.client_id: "call",
    }
    assert has_goal(upload, counter)
    Goal.objects.filter(pk=callbacks.pk).update(deleted_at=timezone.now())
    assert not has_goal(upload, counter)


def test_call_can_be_sent_again_while_the_goal_of_its_kind_is_there(
    counter: Counter, callbacks: Goal, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    calls = store_both(counter)
    batching.build_uploads(now=timezone.now())
    Upload.objects.update(state=UploadState.PROCESSED, uploading_id=5)

    found = []
    for identifier in ("call", "calltracking_call_order"):
        Goal.objects.update(deleted_at=None)
        Goal.objects.filter(identifier=identifier).update(deleted_at=timezone.now())
        rows = [row_of(call, Channel.GOAL) for call in calls]
        found.append([resend_blocker(row, now=timezone.now()) for row in rows])

    assert found == [["", NO_GOAL], [NO_GOAL, ""]]


def test_deleted_goal_of_callbacks_sets_aside_callbacks_alone(
    counter: Counter, callbacks: Goal
) -> None:
    Goal.objects.filter(pk=callbacks.pk).update(deleted_at=timezone.now())
    incoming, callback = store_both(counter)

    decide([incoming.pk, callback.pk], now=timezone.now())

    found = Delivery.objects.filter(channel=Channel.GOAL)
    assert dict(found.values_list("call_id", "state")) == {
        incoming.pk: DeliveryState.WAITING,
        callback.pk: DeliveryState.SKIPPED,
    }
    assert found.get(call_id=callback.pk).reason == GOAL_GONE


def test_refused_file_with_a_deleted_goal_of_callbacks_is_built_again_without_them(
    counter: Counter, callbacks: Goal, settings: Settings
) -> None:
    settings.UPLOAD_MIN_WAIT_SECONDS = 0
    incoming, callback = store_both(counter)
    batching.build_uploads(now=timezone.now())
    refused = Upload.objects.get()
    Goal.objects.filter(pk=callbacks.pk).update(deleted_at=timezone.now())

    with transaction.atomic():
        return_to_waiting(refused, now=timezone.now())
    batching.build_uploads(now=timezone.now())

    built = Upload.objects.exclude(pk=refused.pk).get()
    found = Delivery.objects.filter(channel=Channel.GOAL)
    assert found.get(call_id=incoming.pk).upload_id == built.pk
    assert has_goal(built, counter)
    aside = found.get(call_id=callback.pk)
    assert (aside.state, aside.reason, aside.waited) == (DeliveryState.SKIPPED, GOAL_GONE, True)

    Goal.objects.filter(pk=callbacks.pk).update(deleted_at=None)
    decide_again(counter.pk, now=timezone.now())
    aside.refresh_from_db()
    assert aside.state == DeliveryState.WAITING
