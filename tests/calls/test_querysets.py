"""Querysets of uploads and deliveries: which states each selects, and what loading costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Delivery, Upload
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

NOON = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
#: States of deliveries with an upload.
IN_UPLOAD = (DeliveryState.BATCHED, DeliveryState.ROW_REFUSED)
BY_METHOD = {
    "ready": {"ready"},
    "later": {"later"},
    "to_send": {"ready", "later"},
    "sending": {"sending"},
    "unclear": {"unclear"},
    "splitting": {"splitting"},
    "sent": {"sent"},
    "needs_attention": {"needs_attention"},
    "on_the_way": {"ready", "later", "sending", "unclear"},
    "open": {"ready", "later", "sending", "unclear", "splitting", "sent"},
    "taken": {"sent", "processed", "linkage_failure"},
}


@pytest.fixture
def uploads(counter: Counter) -> dict[str, Upload]:
    """One upload in every state."""
    return {
        state.value: make_upload(
            counter=counter,
            state=state,
            attention="rejected" if state == UploadState.NEEDS_ATTENTION else "",
            lease_until=NOON if state == UploadState.SENDING else None,
            not_before=NOON,
        )
        for state in UploadState
    }


@pytest.mark.parametrize(("method", "states"), BY_METHOD.items())
def test_each_method_selects_its_states(
    uploads: dict[str, Upload], method: str, states: set[str]
) -> None:
    selected = getattr(Upload.objects, method)().values_list("state", flat=True)

    assert sorted(selected) == sorted(states)


def test_due_uploads_may_be_sent_from_their_time_on(uploads: dict[str, Upload]) -> None:
    second = timedelta(seconds=1)

    assert list(Upload.objects.due(NOON - second)) == []
    assert {one.state for one in Upload.objects.due(NOON)} == {"ready", "later"}


def test_uploads_of_a_list_have_its_counter_and_channel(counter: Counter) -> None:
    calls = make_upload(counter=counter)
    make_upload(counter=counter, channel=Channel.GOAL)

    assert list(Upload.objects.of_list(counter.pk, Channel.CALLS)) == [calls]
    assert not Upload.objects.of_list(counter.pk + 1, Channel.CALLS).exists()


def test_uploads_without_a_recent_lookup_had_none_or_an_older_one(counter: Counter) -> None:
    never = make_upload(counter=counter, looked_up_at=None)
    before = make_upload(counter=counter, looked_up_at=NOON)
    make_upload(counter=counter, looked_up_at=NOON + timedelta(seconds=1))

    found = Upload.objects.not_looked_up_since(NOON).order_by("pk")

    assert list(found) == [never, before]


def test_the_account_is_loaded_without_its_tokens(counter: Counter) -> None:
    make_upload(counter=counter)

    upload = Upload.objects.with_account().get()
    (loaded,) = Counter.objects.with_account()

    for account in (upload.counter.account, loaded.account):
        assert account.get_deferred_fields() == {"access_token", "refresh_token"}


def test_deliveries_are_selected_by_state_and_found_by_their_key(
    cabinet: Cabinet, counter: Counter
) -> None:
    upload = make_upload(counter=counter)
    rows = {
        state: make_delivery(
            call=make_call(cabinet=cabinet, started_at=timezone.now()),
            counter=counter,
            state=state,
            upload=upload if state in IN_UPLOAD else None,
            reason="called_off" if state == DeliveryState.SKIPPED else None,
        )
        for state in DeliveryState
    }

    assert list(Delivery.objects.waiting()) == [rows[DeliveryState.WAITING]]
    assert list(Delivery.objects.batched()) == [rows[DeliveryState.BATCHED]]
    assert list(Delivery.objects.skipped()) == [rows[DeliveryState.SKIPPED]]
    for row in rows.values():
        assert Delivery.objects.row(row).get() == row
