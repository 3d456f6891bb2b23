from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from calls.models import Delivery
from calls.queries.display_state import with_shown
from calls.states import Attention, DeliveryState, Shown, UploadState
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

NOW: datetime = timezone.now()
NO_ID: dict[str, Any] = {"uploading_id": None}


def shown_of(delivery: Delivery) -> tuple[str, str]:
    row = with_shown(Delivery.objects.filter(pk=delivery.pk), NOW).get()
    return row.shown, row.why


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"not_before": NOW - timedelta(minutes=1)}, (Shown.WAITING, "")),
        ({"not_before": NOW + timedelta(minutes=1)}, (Shown.HELD, "")),
        ({"expires_at": NOW}, (Shown.EXPIRED, "")),
        ({"state": DeliveryState.SKIPPED, "reason": "too_short"}, (Shown.SKIPPED, "too_short")),
        ({"state": DeliveryState.EXPIRED}, (Shown.EXPIRED, "")),
        ({"state": DeliveryState.NEEDS_ATTENTION}, (Shown.NEEDS_ATTENTION, "")),
    ],
)
def test_a_row_outside_an_upload_shows_its_own_state(
    counter: Counter, fields: dict[str, Any], expected: tuple[str, str]
) -> None:
    call = make_call(cabinet=counter.cabinet)

    delivery = make_delivery(call=call, counter=counter, **fields)

    assert shown_of(delivery) == expected


@pytest.mark.parametrize(
    ("upload", "expected"),
    [
        ({"state": UploadState.READY} | NO_ID, (Shown.BATCHED, "")),
        ({"state": UploadState.LATER} | NO_ID, (Shown.BATCHED, "")),
        ({"state": UploadState.SENDING, "lease_until": NOW} | NO_ID, (Shown.BATCHED, "")),
        ({"state": UploadState.UNCLEAR} | NO_ID, (Shown.UNCLEAR, "")),
        ({"state": UploadState.SENT}, (Shown.SENT, "")),
        ({"state": UploadState.SENT, "attention": Attention.OVERDUE}, (Shown.SENT, "overdue")),
        ({"state": UploadState.PROCESSED}, (Shown.ACCEPTED, "")),
        (
            {"state": UploadState.PROCESSED, "attention": Attention.ROW_REFUSED},
            (Shown.ROW_REFUSED, "row_refused"),
        ),
        ({"state": UploadState.LINKAGE_FAILURE}, (Shown.UNMATCHED, "")),
        ({"state": UploadState.LINKAGE_FAILURE, "is_static": True}, (Shown.ACCEPTED, "")),
        (
            {
                "state": UploadState.LINKAGE_FAILURE,
                "is_static": True,
                "attention": Attention.ROW_REFUSED,
            },
            (Shown.ROW_REFUSED, "row_refused"),
        ),
        (
            {"state": UploadState.NEEDS_ATTENTION, "attention": Attention.REJECTED} | NO_ID,
            (Shown.NEEDS_ATTENTION, "rejected"),
        ),
        (
            {"state": UploadState.CANCELLED, "attention": Attention.EXPIRED} | NO_ID,
            (Shown.EXPIRED, "expired"),
        ),
        (
            {"state": UploadState.CANCELLED, "attention": Attention.COUNTER_REMOVED} | NO_ID,
            (Shown.SKIPPED, "counter_removed"),
        ),
    ],
)
def test_a_gathered_row_shows_what_became_of_its_upload(
    counter: Counter, upload: dict[str, Any], expected: tuple[str, str]
) -> None:
    call = make_call(cabinet=counter.cabinet)

    delivery = make_delivery(
        call=call, counter=counter, upload=make_upload(counter=counter, **upload)
    )

    assert shown_of(delivery) == expected


def test_a_row_refused_by_itself_differs_from_its_upload(counter: Counter) -> None:
    upload = make_upload(counter=counter, state=UploadState.PROCESSED)

    delivery = make_delivery(
        call=make_call(cabinet=counter.cabinet),
        counter=counter,
        upload=upload,
        state=DeliveryState.ROW_REFUSED,
    )

    assert shown_of(delivery) == (Shown.ROW_REFUSED, "")
