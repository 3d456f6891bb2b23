"""Counts by hour: equal to the rows at any moment, before and after they are counted anew."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import (
    Call,
    Delivery,
    DeliveryDay,
    DeliverySummary,
    SummaryHour,
    SummaryMark,
    SummaryZone,
    Upload,
)
from calls.runtime import partitions, retention
from calls.states import Attention, Channel, DeliveryState, UploadState
from calls.summary import read
from calls.summary.refresh import refresh
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.summary.agreement import (
    WIDE,
    assert_agreement,
    at,
    counted_rows,
    read_rows,
)

pytestmark = pytest.mark.django_db
NOW = at(20, 12)


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def refreshed() -> int:
    return refresh(now=timezone.now(), hours=3)


def refresh_all() -> None:
    while refreshed():
        pass
    assert not SummaryMark.objects.exists()


def test_counts_equal_the_rows_whatever_happens_to_them(
    cabinet: Cabinet, counter: Counter, clock: time_machine.Traveller
) -> None:
    upload = make_upload(counter=counter, rows=3)
    calls = [
        make_call(cabinet=cabinet, started_at=at(day, 9, 10 * day % 60), **fields)
        for day in (17, 18, 19)
        for fields in ({}, {"status": "fail", "hold_seconds": 20}, {"kind": "static"})
    ]
    moved = make_call(cabinet=cabinet, started_at=at(18, 9), is_target=True)
    make_call(cabinet=cabinet, started_at=at(19, 9, 59))
    for call in calls[:3]:
        make_delivery(call=call, counter=counter, upload=upload)
    for call in (*calls[3:], moved):
        make_delivery(call=call, counter=counter)
    assert_agreement(cabinet)
    refresh_all()
    assert_agreement(cabinet)

    Call.objects.filter(pk=moved.pk).update(started_at=at(19, 23), duration_seconds=5)
    Call.objects.filter(pk=calls[0].pk).update(kind="callback", hold_seconds=7)
    Delivery.objects.filter(call=calls[4]).update(state=DeliveryState.SKIPPED, reason="too_short")
    Delivery.objects.filter(call=calls[5]).update(not_before=NOW + timedelta(hours=1))
    Delivery.objects.filter(call=calls[6]).delete()
    assert_agreement(cabinet)
    refreshed()
    assert_agreement(cabinet)
    refresh_all()

    # A change that no count sees makes no hour to be counted.
    Call.objects.update(conflict_at=NOW, updated_at=NOW)
    Delivery.objects.update(decided_at=NOW, settings_version=3)
    Upload.objects.update(polls=2, state=UploadState.SENT)
    assert not SummaryMark.objects.exists()

    Upload.objects.update(state=UploadState.PROCESSED, linked_quantity=2, user_not_found_quantity=1)
    assert SummaryMark.objects.count() == 1
    assert_agreement(cabinet)
    refresh_all()
    assert_agreement(cabinet)
    (sums,) = read.deliveries(cabinet, WIDE)
    assert (sums["link_told"], round(sums["linked"], 6)) == (3, 2)

    Upload.objects.update(state=UploadState.NEEDS_ATTENTION, attention=Attention.REJECTED)
    assert_agreement(cabinet)

    # Time alone: the held row is due, and later every waiting row has expired.
    refresh_all()
    clock.shift(timedelta(hours=2))
    assert_agreement(cabinet)
    refresh_all()
    clock.shift(timedelta(days=21))
    assert_agreement(cabinet)
    refresh_all()
    assert_agreement(cabinet)
    assert not SummaryHour.objects.exists()


def test_months_move_and_are_dropped_with_their_counts(
    cabinet: Cabinet, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # PostgreSQL itself may just analyze the table, and yields to others after a second.
    monkeypatch.setattr(retention, "LOCK_TIMEOUT", "20s")
    old, misfiled = at(19, 8), at(19, 8) + timedelta(days=400)
    for started_at in (old, misfiled):
        make_delivery(call=make_call(cabinet=cabinet, started_at=started_at), counter=counter)
    refresh_all()

    assert partitions.keep_up(now=NOW)
    assert_agreement(cabinet)
    assert not SummaryMark.objects.exists()

    SummaryMark.objects.create(cabinet=cabinet, hour=old)
    retention.drop_month(date(2026, 11, 1))

    assert read_rows(cabinet).total() == 1
    assert_agreement(cabinet)
    assert not SummaryMark.objects.exists()
    assert DeliverySummary.objects.get().hour.year == 2027


def test_truncated_table_has_no_counts(cabinet: Cabinet, counter: Counter) -> None:
    make_delivery(call=make_call(cabinet=cabinet), counter=counter)
    refresh_all()

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; TRUNCATE calls_delivery")

    assert read_rows(cabinet) == Tally()
    assert_agreement(cabinet)
    refresh_all()
    assert_agreement(cabinet)


def test_days_of_a_zone_within_an_hour_of_utc_are_exact(cabinet: Cabinet, counter: Counter) -> None:
    kolkata = ZoneInfo("Asia/Kolkata")  # its days begin at 18:30 UTC
    for minute in (29, 31):
        call = make_call(cabinet=cabinet, started_at=at(18, 18, minute))
        make_delivery(call=call, counter=counter, channel=Channel.GOAL)
    refresh_all()

    day = date(2026, 11, 19)
    period = read.Period(day, day, kolkata)

    assert [row for row in counted_rows(cabinet, kolkata) if row[0] == day] == list(
        read_rows(cabinet, period)
    )
    assert read.calls(cabinet, period, by=["hour_of_day"])[0]["hour_of_day"] == 0


def test_stored_days_are_read_in_the_zone_of_the_cabinet(
    cabinet: Cabinet, counter: Counter
) -> None:
    # 21:30 in UTC is the next day in Moscow.
    for day, hour in ((17, 20), (17, 21), (18, 20)):
        call = make_call(cabinet=cabinet, started_at=at(day, hour, 30))
        make_delivery(call=call, counter=counter)
    refresh_all()
    assert dict(DeliveryDay.objects.values_list("day", "deliveries")) == {
        date(2026, 11, 17): 1,
        date(2026, 11, 18): 2,
    }

    DeliveryDay.objects.update(deliveries=7)
    moscow = read.Period(date(2026, 11, 17), date(2026, 11, 18), cabinet.zone)
    assert [row["deliveries"] for row in read.deliveries(cabinet, moscow, by=["day"])] == [7, 7]
    assert [row["deliveries"] for row in read.deliveries(cabinet, WIDE, by=["day"])] == [2, 1]
    # A marked hour: its day is not read.
    SummaryMark.objects.create(cabinet=cabinet, hour=at(17, 21))
    assert [row["deliveries"] for row in read.deliveries(cabinet, moscow, by=["day"])] == [7, 2]
    refresh_all()
    assert [row["deliveries"] for row in read.deliveries(cabinet, moscow, by=["day"])] == [7, 2]

    Cabinet.objects.filter(pk=cabinet.pk).update(time_zone="Asia/Vladivostok")
    cabinet.refresh_from_db()
    assert_agreement(cabinet)
    refresh_all()
    assert_agreement(cabinet)
    assert SummaryZone.objects.get(cabinet=cabinet).zone == "Asia/Vladivostok"
    assert set(DeliveryDay.objects.values_list("day", "deliveries")) == {
        (date(2026, 11, 18), 2),
        (date(2026, 11, 19), 1),
    }


def test_hours_that_the_former_version_stores_forget_the_days(
    cabinet: Cabinet, counter: Counter
) -> None:
    """Its process knows of no days, and goes on while the migrations are applied."""
    make_delivery(call=make_call(cabinet=cabinet, started_at=at(18, 9)), counter=counter)
    refresh_all()
    hour = DeliverySummary.objects.get()
    make_delivery(call=make_call(cabinet=cabinet, started_at=at(18, 9, 1)), counter=counter)

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL calls.counts_days = ''")
    SummaryMark.objects.all().delete()
    DeliverySummary.objects.all().delete()
    hour.pk, hour.deliveries = None, 2
    hour.save(force_insert=True)

    assert_days(cabinet)
    refresh_all()
    assert_days(cabinet)
    assert list(DeliveryDay.objects.values_list("deliveries", flat=True)) == [2]


@pytest.mark.parametrize(
    ("zone", "first"),
    [
        ("Asia/Beirut", datetime(2026, 10, 24, 19, 30, tzinfo=UTC)),  # 23:00 comes twice
        ("America/Havana", datetime(2026, 11, 1, 2, 30, tzinfo=UTC)),  # 0:00 comes twice
    ],
)
def test_days_are_exact_where_clocks_go_back_at_midnight(
    cabinet: Cabinet, counter: Counter, zone: str, first: datetime
) -> None:
    Cabinet.objects.filter(pk=cabinet.pk).update(time_zone=zone)
    cabinet.refresh_from_db()
    for hour in range(5):
        call = make_call(cabinet=cabinet, started_at=first + timedelta(hours=hour))
        make_delivery(call=call, counter=counter)
    refresh_all()
    assert_days(cabinet)

    SummaryMark.objects.create(cabinet=cabinet, hour=first.replace(minute=0))
    assert_days(cabinet)
    refresh_all()
    assert_days(cabinet)
    SummaryZone.objects.all().delete()
    assert_days(cabinet)


def assert_days(cabinet: Cabinet) -> None:
    """Each day equals its rows."""
    counted = counted_rows(cabinet, cabinet.zone)
    for day in {row[0] for row in counted}:
        period = read.Period(day, day, cabinet.zone)
        of_day = Tally({row: count for row, count in counted.items() if row[0] == day})
        assert read_rows(cabinet, period) == of_day
