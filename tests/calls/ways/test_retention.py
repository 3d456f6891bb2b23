"""Counts of requests become counts of hours; what is past its time goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from pytest_django import Settings

from cabinets.models import CallSource
from calls.models import Intake, ReceivedRequest, RejectedRecord, Way
from calls.queries.intake import IntakeCounts, counts_of
from calls.ways import retention
from tests.calls.delivery.test_races import in_session

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 29, 12, 30, tzinfo=UTC)


def count(source: CallSource, at: datetime, way: Way = Way.API, **counts: int) -> None:
    values = {"created": 0, "updated": 0, "duplicate": 0, "rejected": 0} | counts
    Intake.objects.create(source=source, way=way, at=at, received=sum(values.values()), **values)


def test_sums_are_the_same_after_the_roll_up(source: CallSource) -> None:
    count(source, NOW - timedelta(minutes=5), created=1)
    count(source, NOW - timedelta(minutes=40), created=2, rejected=1)
    count(source, NOW - timedelta(minutes=50), duplicate=3)
    count(source, NOW - timedelta(minutes=50), Way.FILE, updated=4)
    day = NOW.replace(hour=0, minute=0)
    before = counts_of([source.pk], since=day)

    assert retention.roll_up(now=NOW) == 3
    assert retention.roll_up(now=NOW) == 0

    def amounts(found: dict[int, list[IntakeCounts]]) -> list[tuple[object, ...]]:
        return [tuple(vars(one).values())[:-1] for one in found[source.pk]]

    assert (
        amounts(counts_of([source.pk], since=day))
        == amounts(before)
        == [
            ("api", 7, 3, 0, 3, 1),
            ("file", 4, 0, 4, 0, 0),
        ]
    )
    assert sorted(Intake.objects.values_list("is_hour", "at", "received")) == [
        (False, NOW - timedelta(minutes=5), 1),
        (True, NOW.replace(hour=11, minute=0), 4),
        (True, NOW.replace(hour=11, minute=0), 6),
    ]


def test_what_is_past_its_time_is_deleted(source: CallSource, settings: Settings) -> None:
    settings.REJECTED_DAYS, settings.RECEIVED_DAYS = 30, 7
    for days in (6, 8, 29, 31):
        at = NOW - timedelta(days=days)
        RejectedRecord.objects.create(
            source=source,
            way=Way.API,
            digest=str(days),
            first_at=at,
            last_at=at,
            code="missing_field",
            message="…",
        )
        ReceivedRequest.objects.create(source=source, at=at, method="GET", records=1, accepted=1)

    assert retention.delete_old(now=NOW) == 4
    assert set(RejectedRecord.objects.values_list("digest", flat=True)) == {"6", "8", "29"}
    assert [one.at for one in ReceivedRequest.objects.all()] == [NOW - timedelta(days=6)]


def test_the_oldest_rejected_records_of_a_source_go_beyond_the_most(
    source: CallSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "REJECTED_MOST", 2)
    for hours in (1, 2, 3):
        at = NOW - timedelta(hours=hours)
        RejectedRecord.objects.create(
            source=source,
            way=Way.API,
            digest=str(hours),
            first_at=at,
            last_at=at,
            code="missing_field",
            message="…",
        )

    assert retention.delete_old(now=NOW) == 1
    assert set(RejectedRecord.objects.values_list("digest", flat=True)) == {"1", "2"}


@pytest.mark.django_db(transaction=True)
def test_rejected_record_that_comes_again_meanwhile_is_kept(source: CallSource) -> None:
    at = NOW - timedelta(days=31)
    values = {"code": "missing_field", "message": "…", "first_at": at, "last_at": at}
    RejectedRecord.objects.create(source=source, way=Way.API, digest="1", **values)

    with transaction.atomic():
        RejectedRecord.objects.update(last_at=NOW)
        deleting = in_session(lambda: retention.delete_old(now=NOW))
        deleting.join(timeout=60)
    deleting.join(timeout=60)

    assert RejectedRecord.objects.get().last_at == NOW
