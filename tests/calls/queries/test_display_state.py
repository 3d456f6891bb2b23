"""The display state and the reason of a delivery, for each state of its row and upload."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from calls.models import Delivery
from calls.queries.display_state import with_display_state
from calls.states import Attention, DeliveryState, DisplayState, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

NOW: datetime = timezone.now()
NO_ID: dict[str, Any] = {"uploading_id": None}


def display_state_of(delivery: Delivery) -> tuple[str, str]:
    row = with_display_state(Delivery.objects.filter(pk=delivery.pk), NOW).get()
    return row.display_state, row.why


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"not_before": NOW - timedelta(minutes=1)}, (DisplayState.WAITING, "")),
        ({"not_before": NOW + timedelta(minutes=1)}, (DisplayState.HELD, "")),
        ({"expires_at": NOW}, (DisplayState.EXPIRED, "")),
        (
            {"state": DeliveryState.SKIPPED, "reason": "too_short"},
            (DisplayState.SKIPPED, "too_short"),
        ),
        (
            {"state": DeliveryState.SKIPPED, "reason": "not_finished"},
            (DisplayState.NOT_FINISHED, "not_finished"),
        ),
        ({"state": DeliveryState.EXPIRED}, (DisplayState.EXPIRED, "")),
    ],
)
def test_row_outside_an_upload_shows_its_own_state(
    counter: Counter, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    call = make_call(cabinet=counter.cabinet)

    delivery = make_delivery(call=call, counter=counter, **fields)

    assert display_state_of(delivery) == expected


@pytest.mark.parametrize(
    ("upload", "expected"),
    [
        ({"state": UploadState.READY} | NO_ID, (DisplayState.BATCHED, "")),
        ({"state": UploadState.LATER} | NO_ID, (DisplayState.BATCHED, "")),
        ({"state": UploadState.SENDING, "lease_until": NOW} | NO_ID, (DisplayState.BATCHED, "")),
        ({"state": UploadState.UNCLEAR} | NO_ID, (DisplayState.UNCLEAR, "")),
        ({"state": UploadState.SENT}, (DisplayState.SENT, "")),
        (
            {"state": UploadState.SENT, "attention": Attention.OVERDUE},
            (DisplayState.SENT, "overdue"),
        ),
        ({"state": UploadState.PROCESSED}, (DisplayState.LINK_UNKNOWN, "")),
        ({"state": UploadState.PROCESSED, "linked_quantity": 1}, (DisplayState.ACCEPTED, "")),
        (
            {"state": UploadState.PROCESSED, "attention": Attention.ROW_REFUSED},
            (DisplayState.PARTLY_ACCEPTED, "row_refused"),
        ),
        ({"state": UploadState.LINKAGE_FAILURE}, (DisplayState.UNMATCHED, "")),
        (
            {"state": UploadState.LINKAGE_FAILURE, "is_static": True},
            (DisplayState.ACCEPTED_STATIC, ""),
        ),
        (
            {
                "state": UploadState.LINKAGE_FAILURE,
                "is_static": True,
                "attention": Attention.ROW_REFUSED,
            },
            (DisplayState.PARTLY_ACCEPTED, "row_refused"),
        ),
        (
            {"state": UploadState.NEEDS_ATTENTION, "attention": Attention.REJECTED} | NO_ID,
            (DisplayState.NEEDS_ATTENTION, "rejected"),
        ),
        (
            {"state": UploadState.CANCELLED, "attention": Attention.EXPIRED} | NO_ID,
            (DisplayState.EXPIRED, "expired"),
        ),
        (
            {"state": UploadState.CANCELLED, "attention": Attention.COUNTER_REMOVED} | NO_ID,
            (DisplayState.SKIPPED, "counter_removed"),
        ),
    ],
)
def test_batched_row_shows_the_state_of_its_upload(
    counter: Counter, upload: dict[str, Any], expected: tuple[str, str]
) -> None:
    call = make_call(cabinet=counter.cabinet)

    delivery = make_delivery(
        call=call, counter=counter, upload=make_upload(counter=counter, **upload)
    )

    assert display_state_of(delivery) == expected


def test_row_refused_by_itself_differs_from_its_upload(counter: Counter) -> None:
    upload = make_upload(counter=counter, state=UploadState.PROCESSED)

    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        upload=upload,
        state=DeliveryState.ROW_REFUSED,
    )

    assert display_state_of(delivery) == (DisplayState.ROW_REFUSED, "")
