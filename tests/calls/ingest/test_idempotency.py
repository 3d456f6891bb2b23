"""Stored responses are kept for a week."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest import idempotency
from calls.models import Call, IngestReceipt
from calls.tasks import forget_receipts
from tests import factories
from tests.calls.posting import post_calls


def make_receipt(source: CallSource, webhook_id: str, at: datetime) -> None:
    IngestReceipt.objects.create(
        source=source, webhook_id=webhook_id, body_hash="0" * 64, answer={}, received_at=at
    )


@pytest.mark.parametrize("batch", [1, 2, 5000])
def test_responses_older_than_a_week_are_deleted(
    source: CallSource, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(idempotency, "DELETE_BATCH", batch)
    now = timezone.now()
    week = timedelta(days=7)
    for name, age in {
        "ancient": timedelta(days=400),
        "old": week + timedelta(seconds=2),
        "older": week + timedelta(seconds=1),
        "of a week": week,
        "fresh": timedelta(0),
    }.items():
        make_receipt(source, name, now - age)

    assert idempotency.delete_expired(now=now) == 3

    left = IngestReceipt.objects.order_by("received_at").values_list("webhook_id", flat=True)
    assert list(left) == ["of a week", "fresh"]
    assert idempotency.delete_expired(now=now) == 0


def test_beat_task_deletes_old_responses(source: CallSource) -> None:
    make_receipt(source, "old", timezone.now() - timedelta(days=8))

    assert forget_receipts() == 1
    assert not IngestReceipt.objects.exists()


def test_repeat_after_deletion_creates_no_second_call(source: CallSource) -> None:
    record = factories.v3_record()
    post_calls(record, source=source, webhook_id="msg_forgotten")
    IngestReceipt.objects.all().delete()

    again = post_calls(record, source=source, webhook_id="msg_forgotten")

    assert [result["status"] for result in again.json()["results"]] == ["duplicate"]
    assert Call.objects.count() == 1
