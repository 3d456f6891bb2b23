"""A person sends one call again: the ledger does not change, and one press is one repeat."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from calls.delivery import batching, lookup, sending
from calls.delivery import resend as resending
from calls.delivery.resend import CannotResend
from calls.models import Call, Delivery, Resend, Upload
from calls.states import DeliveryState, UploadState
from counters.models import Counter
from devtools.sandbox import RunningSandbox
from tests.calls.ledger import body_of
from tests.calls.sandbox_world import fault, rows_in_metrika
from tests.calls.stored import row_of, store_call


def sent_call(cabinet: Cabinet, **fields: Any) -> Call:
    call = store_call(cabinet=cabinet, **fields)
    batching.build_uploads(now=timezone.now())
    sending.send_due(seconds=30)
    return call


def order(call: Call, number: int, actor: User, *, now: datetime | None = None) -> Resend | None:
    return resending.order(row_of(call), number=number, actor=actor, now=now or timezone.now())


def test_a_sent_call_is_sent_again_with_current_values(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    call = sent_call(cabinet, tags=["прежний"])
    before = Delivery.objects.filter(call_id=call.pk).values()
    ledger = list(before)
    Call.objects.filter(pk=call.pk).update(tags=["новый"], revision=2)

    assert order(call, 1, owner) is not None
    sending.send_due(seconds=30)

    assert [row["Tag"] for row in rows_in_metrika(sandbox)] == ["прежний", "новый"]
    assert list(Delivery.objects.filter(call_id=call.pk).values()) == ledger
    resend = Resend.objects.get()
    assert resend.upload.state == UploadState.SENT
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.after["number"]) == ("delivery.sent_again", owner, 1)


def test_pressing_the_button_twice_orders_one_repeat(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    call = sent_call(cabinet)

    assert order(call, 1, owner) is not None
    assert order(call, 1, owner) is None
    assert order(call, 0, owner) is None

    sending.send_due(seconds=30)
    sending.send_due(seconds=30)
    assert len(rows_in_metrika(sandbox)) == 2
    assert Resend.objects.count() == 1


def test_a_second_repeat_waits_for_the_first(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    call = sent_call(cabinet)
    order(call, 1, owner)

    with pytest.raises(CannotResend, match="ещё в пути"):
        order(call, 2, owner)
    sending.send_due(seconds=30)

    assert order(call, 2, owner) is not None


@pytest.mark.parametrize(
    ("corrected", "cells"),
    [
        ({"client_id": "7", "kind": "dynamic"}, {"StaticCall": "0", "ClientId": "7"}),
        ({"tags": ["Новый"]}, {"StaticCall": "1", "ClientId": ""}),
    ],
)
def test_repeat_of_an_unlinked_call_takes_the_identifier_that_came_later(
    cabinet: Cabinet,
    counter: Counter,
    owner: User,
    corrected: dict[str, Any],
    cells: dict[str, str],
) -> None:
    call = store_call(cabinet=cabinet, client_id="", kind="unknown")
    batching.build_uploads(now=timezone.now() + timedelta(hours=1))
    Upload.objects.update(state=UploadState.LINKAGE_FAILURE, uploading_id=5)
    Call.objects.filter(pk=call.pk).update(**corrected)

    resend = resending.order(row_of(call), number=1, actor=owner, now=timezone.now())

    assert resend is not None
    body = body_of(resend.upload.pk).decode()
    (row,) = csv.DictReader(io.StringIO(body))
    assert {name: row[name] for name in cells} == cells
    assert resend.upload.is_static is (cells["StaticCall"] == "1")


Change = Callable[[Call, Counter], object]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda call, counter: Upload.objects.update(state="unclear", uploading_id=None), "сам"),
        (
            lambda call, counter: Upload.objects.update(state="cancelled", attention="called_off"),
            "не отправлялся",
        ),
        (lambda call, counter: Counter.objects.update(removed_at=timezone.now()), "удалён"),
        (lambda call, counter: Call.objects.update(client_id=""), "идентификатора"),
        (
            lambda call, counter: Delivery.objects.update(expires_at=timezone.now()),
            "21 день",
        ),
    ],
)
def test_an_impossible_repeat_is_refused_and_nothing_is_stored(
    cabinet: Cabinet,
    linked_counter: Counter,
    sandbox: RunningSandbox,
    owner: User,
    change: Change,
    sentence: str,
) -> None:
    call = sent_call(cabinet)
    change(call, linked_counter)

    with pytest.raises(CannotResend, match=sentence):
        order(call, 1, owner)

    assert not Resend.objects.exists()
    assert Upload.objects.count() == 1
    assert not AuditEvent.objects.exists()


def test_a_refused_row_is_sent_again_without_counting_twice(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    call = sent_call(cabinet)
    Delivery.objects.filter(upload__isnull=False).update(state=DeliveryState.ROW_REFUSED)

    assert resending.is_surely_not_there(row_of(call))
    assert order(call, 1, owner) is not None


def test_a_repeat_with_a_lost_answer_is_looked_up(
    cabinet: Cabinet, linked_counter: Counter, sandbox: RunningSandbox, owner: User
) -> None:
    call = sent_call(cabinet)
    order(call, 1, owner)
    fault(sandbox, "reset_after_taken")
    sending.send_due(seconds=30)

    lookup.resolve_unclear()

    assert Resend.objects.get().upload.state == UploadState.SENT
    assert len(rows_in_metrika(sandbox)) == 2
