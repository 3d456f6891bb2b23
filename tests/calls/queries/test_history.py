"""Pages and filters of a counter's history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from calls.models import Delivery
from calls.queries.history import PAGE_SIZE, Filters, page_of
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

NOW = timezone.now()


def listed(counter: Counter, **filters: Any) -> Sequence[Delivery]:
    page = page_of(counter, Filters(**filters), cursor="", now=timezone.now())
    return [one for row in page.rows for one in row.deliveries]


def make_rows(counter: Counter, count: int, **fields: Any) -> None:
    start = NOW - timedelta(days=1)
    for number in range(count):
        call = make_call(
            cabinet=counter.cabinet, started_at=start + timedelta(minutes=number), **fields
        )
        make_delivery(call=call, counter=counter)


def test_pages_show_every_row_once_newest_first(counter: Counter) -> None:
    make_rows(counter, 30)
    # The same second, as when many calls are imported.
    moment = NOW - timedelta(hours=2)
    for _ in range(30):
        call = make_call(cabinet=counter.cabinet, started_at=moment)
        make_delivery(call=call, counter=counter)
        make_delivery(call=call, counter=counter, channel=Channel.GOAL)

    seen, channels, cursor = [], [], ""
    for _ in range(2):
        page = page_of(counter, Filters(), cursor=cursor, now=NOW)
        seen += [(row.call.started_at, row.call.pk) for row in page.rows]
        channels += [[one.channel for one in row.deliveries] for row in page.rows]
        cursor = page.next_cursor

    assert len(seen) == len(set(seen)) == 60
    assert seen == sorted(seen, reverse=True)
    assert channels == [[Channel.CALLS, Channel.GOAL]] * 30 + [[Channel.CALLS]] * 30
    assert cursor == ""


def test_full_last_page_has_no_next_cursor(counter: Counter) -> None:
    make_rows(counter, PAGE_SIZE)

    page = page_of(counter, Filters(), cursor="", now=NOW)

    assert (len(page.rows), page.next_cursor) == (PAGE_SIZE, "")


@pytest.mark.parametrize("cursor", ["x", "1", "1.2.3", "9" * 40 + ".1", "1.x", "٣.x"])
def test_invalid_cursor_gives_the_first_page(counter: Counter, cursor: str) -> None:
    make_rows(counter, 2)

    assert len(page_of(counter, Filters(), cursor=cursor, now=NOW).rows) == 2


def test_only_the_counters_own_rows_are_listed(counter: Counter) -> None:
    other = factories.make_counter(account=counter.account)
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=other)

    assert listed(counter) == []


def test_rows_are_filtered_by_state_reason_channel_and_search(counter: Counter) -> None:
    upload = make_upload(
        counter=counter, state=UploadState.PROCESSED, attention=Attention.ROW_REFUSED
    )
    first, second, third = (make_call(cabinet=counter.cabinet) for _ in range(3))
    waiting = make_delivery(call=first, counter=counter)
    refused = make_delivery(call=second, counter=counter, upload=upload)
    short = make_delivery(
        call=third, counter=counter, state=DeliveryState.SKIPPED, reason="too_short"
    )
    goal = make_delivery(
        call=third,
        counter=counter,
        channel=Channel.GOAL,
        state=DeliveryState.SKIPPED,
        reason="goal_not_set",
    )

    assert listed(counter, state="waiting") == [waiting]
    assert listed(counter, state="partly_accepted") == [refused]
    assert listed(counter, reason="row_refused") == [refused]
    # The call has its other channel beside it.
    assert listed(counter, reason="too_short") == [short, goal]
    assert listed(counter, reason="goal_not_set") == [short, goal]
    assert listed(counter, state="skipped", channel=Channel.GOAL) == [goal]
    assert listed(counter, call_ids=[first.pk]) == [waiting]
    assert listed(counter, call_ids=[]) == []


def test_days_begin_at_midnight_of_the_cabinet(counter: Counter) -> None:
    midnight = datetime(2026, 11, 9, 21, tzinfo=UTC)  # 10 November, 0:00 in Moscow
    before = make_call(cabinet=counter.cabinet, started_at=midnight - timedelta(seconds=1))
    first = make_call(cabinet=counter.cabinet, started_at=midnight)
    last = make_call(cabinet=counter.cabinet, started_at=midnight + timedelta(hours=23, minutes=59))
    after = make_call(cabinet=counter.cabinet, started_at=midnight + timedelta(hours=24))
    for call in (before, first, last, after):
        make_delivery(call=call, counter=counter)

    with timezone.override(ZoneInfo("Europe/Moscow")):
        rows = listed(counter, first_day=date(2026, 11, 10), last_day=date(2026, 11, 10))

    assert [one.call_id for one in rows] == [last.pk, first.pk]


def test_corrected_start_is_shown_and_keeps_its_place(counter: Counter) -> None:
    call = make_call(cabinet=counter.cabinet)
    corrected = call.started_at - timedelta(days=40)
    type(call).objects.filter(pk=call.pk).update(started_at=corrected)
    make_delivery(call=call, counter=counter)

    assert [one.call.started_at for one in listed(counter)] == [corrected]


def test_page_needs_five_queries(counter: Counter, django_assert_num_queries: Any) -> None:
    make_rows(counter, 3)

    with django_assert_num_queries(5):
        for one in listed(counter):
            assert one.call.phone
            assert one.upload is None
