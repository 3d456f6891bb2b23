"""Counts of waiting and sent deliveries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from calls.models import Delivery
from calls.queries.stats import (
    Waiting,
    sent_totals,
    share_text,
    state_totals,
    waiting_of_account,
    waiting_of_counter,
)
from calls.states import Channel, DeliveryState, UploadState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.ledger import HORIZON, make_call, make_delivery, make_upload

NOON = datetime(2026, 11, 20, 9, tzinfo=UTC)  # 12:00 in Moscow


def test_waiting_counts_rows_and_files_that_metrika_does_not_have(
    account: YandexAccount, counter: Counter
) -> None:
    other = factories.make_counter(account=factories.make_account(cabinet=account.cabinet))
    first = make_call(cabinet=counter.cabinet)
    make_delivery(call=first, counter=counter)
    make_delivery(call=first, counter=other)
    make_delivery(call=first, counter=counter, channel=Channel.GOAL, state=DeliveryState.EXPIRED)
    old = timezone.now() - timedelta(days=2)
    make_upload(
        counter=counter, state=UploadState.LATER, rows=40, uploading_id=None, oldest_call_at=old
    )
    make_upload(counter=counter, rows=500)

    assert waiting_of_counter(counter) == Waiting(41, old + HORIZON)
    assert waiting_of_account(account) == Waiting(41, old + HORIZON)
    assert waiting_of_counter(other) == Waiting(1, first.started_at + HORIZON)


def test_nothing_waits_for_a_new_counter(counter: Counter) -> None:
    assert waiting_of_counter(counter) == Waiting(0, None)


@time_machine.travel(NOON)
def test_sent_rows_are_counted_by_days_of_the_cabinet(counter: Counter) -> None:
    late_evening = datetime(2026, 11, 19, 20, 59, tzinfo=UTC)  # 23:59 in Moscow
    make_upload(counter=counter, rows=3, sent_at=late_evening)
    make_upload(counter=counter, rows=4, sent_at=late_evening + timedelta(minutes=1))
    make_upload(counter=counter, rows=5, sent_at=NOON - timedelta(days=13))
    make_upload(counter=counter, rows=6, sent_at=NOON - timedelta(days=14))
    make_upload(counter=counter, rows=7, sent_at=NOON, channel=Channel.GOAL)
    make_upload(counter=counter, rows=8, state=UploadState.UNCLEAR, uploading_id=None)

    with timezone.override(ZoneInfo("Europe/Moscow")):
        totals = sent_totals([counter], now=NOON)[counter.pk]

    assert totals.total == 18
    assert totals.today == 4
    assert totals.by_day == [5, *[0] * 11, 3, 4]


@time_machine.travel(NOON)
def test_counter_that_sends_no_calls_counts_its_goal(counter: Counter) -> None:
    Counter.objects.filter(pk=counter.pk).update(send_calls=False)
    counter.refresh_from_db()
    make_upload(counter=counter, rows=3, sent_at=NOON)
    make_upload(counter=counter, rows=7, sent_at=NOON, channel=Channel.GOAL)

    assert sent_totals([counter], now=NOON)[counter.pk].total == 7


def test_totals_of_many_counters_need_two_queries(
    account: YandexAccount, django_assert_num_queries: Any
) -> None:
    counters = [factories.make_counter(account=account) for _ in range(5)]
    for counter in counters:
        make_upload(counter=counter, rows=counter.pk)

    with django_assert_num_queries(2):
        totals = sent_totals(counters, now=timezone.now())

    assert {pk: one.total for pk, one in totals.items()} == {one.pk: one.pk for one in counters}


def test_no_counters_have_no_totals(db: None) -> None:
    assert sent_totals([], now=timezone.now()) == {}


def test_states_are_counted_in_enum_order(counter: Counter) -> None:
    taken = make_upload(counter=counter, state=UploadState.PROCESSED, rows=2, linked_quantity=2)
    for upload in (taken, taken, None):
        call = make_call(cabinet=counter.cabinet)
        make_delivery(call=call, counter=counter, upload=upload)

    totals = state_totals(Delivery.objects.filter(counter=counter), now=timezone.now())

    assert [(one.state, one.count, one.share) for one in totals] == [
        ("waiting", 1, "33 %"),
        ("accepted", 2, "67 %"),
    ]
    assert [one.tone for one in totals] == ["info", "success"]
    assert [one.sent for one in totals] == [0, 2]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 1000, "<1 %"), (999, 1000, ">99 %"), (5, 5, "100 %"), (1, 3, "33 %"), (1, 100, "1 %")],
)
def test_share_of_a_part_is_never_0_or_100_per_cent(part: int, whole: int, text: str) -> None:
    assert share_text(part, whole) == text
