"""The ledger lists the calls that pass its filters: all of them, once, reading few rows a page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from cabinets.models import Cabinet
from calls import forecast
from calls.models import Call, Delivery, LinkProof, Upload
from calls.queries import call_list, ledger_counts, ledger_walk
from calls.queries.call_list import PAGE_SIZE, CallPage, page_of
from calls.queries.display_state import with_display_state
from calls.queries.ledger_filters import CallFilters
from calls.queries.link_proofs import link_of
from calls.states import Channel, DeliveryState, LinkResult, UploadState
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.calls.blocks import counted_blocks
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

#: Rows of the second counter and of the goal have states of their own.
PROCESSED: dict[str, Any] = {
    "state": UploadState.PROCESSED,
    "linked_quantity": 1,
    "user_not_found_quantity": 0,
}
NOW: datetime = timezone.now()
#: As many rows as are sorted are in this state, and none of their calls is of this kind.
WORST = {"state": "waiting", "kind": "callback"}


@pytest.fixture
def pair(account: YandexAccount) -> list[Counter]:
    """Two counters, and calls in every combination that the filters tell apart."""
    counters = [factories.make_counter(account=account, name=name) for name in "АБ"]
    source = factories.make_source(cabinet=account.cabinet)
    upload = make_upload(counter=counters[0], rows=6)
    for number in range(24):
        call = make_call(
            cabinet=account.cabinet,
            started_at=NOW - timedelta(hours=1 + number // 2),
            kind=["dynamic", "callback"][number % 2],
            tags=[["Целевой"], ["Спам", "целевой"], []][number % 3],
            source=source if number % 4 == 0 else None,
            client_id=["1718031415926535897", "12345"][number % 5 == 3],
        )
        _deliver(call, counters, number, upload)
    # The start of the oldest call was corrected: it is the latest of those that wait.
    Call.objects.filter(pk=call.pk).update(started_at=NOW - timedelta(minutes=30))
    return counters


def _deliver(call: Call, counters: list[Counter], number: int, upload: Upload) -> None:
    if number % 6 == 0:
        return
    if number % 4 == 1:
        make_delivery(call=call, counter=counters[0], upload=upload, row_number=number // 4 + 1)
    elif number % 4 == 2:
        upload = make_upload(counter=counters[0], **PROCESSED)
        sent = make_delivery(call=call, counter=counters[0], upload=upload)
        if number % 8 == 2:
            LinkProof.objects.create(
                upload=upload,
                row_number=1,
                call=call,
                partition_at=call.partition_at,
                cabinet=call.cabinet,
                counter=counters[0],
                channel=sent.channel,
                result=LinkResult.LINKED,
                proved_at=NOW,
            )
    else:
        make_delivery(call=call, counter=counters[0])
    skipped = {"state": DeliveryState.SKIPPED, "reason": "too_short", "channel": Channel.GOAL}
    make_delivery(call=call, counter=counters[number % 2], **skipped)
    if number == 9:
        row = {"state": DeliveryState.SKIPPED, "reason": "not_configured"}
        make_delivery(call=call, counter=counters[1], **row)


FILTERS: list[dict[str, Any]] = [
    {},
    {"kind": "callback"},
    {"tag": "ЦЕЛЕВОЙ"},
    {"without_counter": True},
    {"without_counter": True, "kind": "dynamic"},
    {"state": "sent"},
    {"state": "accepted"},
    {"state": "skipped"},
    {"state": "awaits_settings"},
    {"state": "needs_attention"},
    {"reason": "too_short"},
    {"channel": Channel.GOAL},
    {"channel": Channel.CALLS, "state": "skipped"},
    {"stage": "late"},
    {"stage": "late", "state": "waiting", "tag": "целевой"},
    {"stage": "sent", "channel": Channel.CALLS},
    {"link": "linked"},
    {"link": "not_yet", "state": "sent"},
    {"link": "unknown", "kind": "callback"},
    {"forecast": "likely", "link": "linked"},
    {"forecast": "unlikely"},
    {"forecast": "unlikely", "state": "waiting", "kind": "callback"},
    {"forecast": "never"},
    {"reason": "not_configured", "state": "awaits_settings", "tag": "целевой"},
    {"state": "waiting", "kind": "callback"},
    {"first_day": timezone.localdate() - timedelta(days=400), "state": "waiting"},
]

OF_UPLOAD: list[dict[str, Any]] = [
    {},
    {"state": "sent", "tag": "спам"},
    {"first_day": timezone.localdate(NOW - timedelta(hours=9))},
]


@pytest.mark.parametrize(("chosen", "scanned"), [(None, 3), (0, 3), (1, 2000)])
def test_filters_find_the_calls_that_pass_them(
    pair: list[Counter], chosen: int | None, scanned: int
) -> None:
    cabinet = pair[0].cabinet
    source = Call.objects.exclude(source=None)[0].source_id
    ids = list(Call.objects.filter(cabinet=cabinet).values_list("pk", flat=True)[:9])
    every = [*FILTERS, {"source": source}, {"source": source, "state": "skipped"}]
    every += [{"call_ids": ids}, {"call_ids": ids, "state": "skipped", "tag": "спам"}]
    upload = Upload.objects.get(rows=6).pk
    if chosen is None:
        every += [{"upload": upload, **more} for more in ({"call_ids": ids}, *OF_UPLOAD)]
    sizes = mock.patch.object(call_list, "PAGE_SIZE", 3)
    looked = mock.patch.multiple(ledger_walk, SCANNED=scanned, NEAREST=5)
    with sizes, looked:
        for values in every:
            if chosen is not None and values.get("without_counter"):
                continue
            counter = pair[chosen].pk if chosen is not None else None
            filters = CallFilters(**values, counter=counter)
            found = [one for page in pages(cabinet, filters) for one in page.calls]

            assert [one.call.pk for one in found] == expected(cabinet, filters), values
            assert counted(cabinet, filters) == expected_counts(cabinet, filters), values
            if filters.is_of_rows and not filters.without_counter:
                # The rows that pass are shown, and no other.
                shown = [row for one in found for row in one.shown(9)]
                assert len(shown) == counted(cabinet, filters)[0]
                assert all(_passes(row, filters) for row in shown)


def pages(cabinet: Cabinet, filters: CallFilters) -> Iterator[CallPage]:
    cursor = ""
    while True:
        page = page_of(cabinet, filters, cursor=cursor, now=NOW)
        yield page
        cursor = page.next_cursor
        if not cursor:
            return


def counted(cabinet: Cabinet, filters: CallFilters) -> tuple[int, int | None]:
    """Return the rows and the calls of the header."""
    counts = ledger_counts.counts_of(cabinet, filters, is_asked=False, now=NOW)
    assert counts is not None
    assert not counts.is_cut
    return sum(counts.chosen.values()), counts.calls


def expected_counts(cabinet: Cabinet, filters: CallFilters) -> tuple[int, int]:
    """Return how many rows of the listed calls pass, and of how many calls."""
    rows = [row for row in rows_of(cabinet) if _passes(row, filters)]
    listed = set(expected(cabinet, filters))
    passing = [row.call_id for row in rows if row.call_id in listed]
    return len(passing), len(set(passing))


def expected(cabinet: Cabinet, filters: CallFilters) -> list[int]:
    """Return the calls that pass, each looked at alone."""
    rows: dict[int, list[Any]] = defaultdict(list)
    for row in rows_of(cabinet):
        rows[row.call_id].append(row)
    calls = Call.objects.filter(cabinet=cabinet).order_by(f"-{filters.order_column}", "-pk")
    return [call.pk for call in calls if _is_listed(call, rows[call.pk], filters)]


def rows_of(cabinet: Cabinet) -> list[Any]:
    every: list[Any] = list(with_display_state(Delivery.objects.filter(cabinet=cabinet), NOW))
    links, forecasts = link_of(every), forecast.of(every, now=NOW)
    for row in every:
        row.link = links[row.pk].value if row.pk in links else ""
        is_meant = row.state != DeliveryState.SKIPPED
        row.forecast = forecasts[row.pk].value if is_meant else ""
    return every


def _is_listed(call: Call, rows: list[Any], filters: CallFilters) -> bool:
    passes = (
        (not filters.kind or call.kind == filters.kind)
        and (not filters.source or call.source_id == filters.source)
        and (not filters.tag or filters.tag.lower() in [tag.lower() for tag in call.tags])
        and (filters.call_ids is None or call.pk in filters.call_ids)
    )
    if filters.without_counter:
        return passes and not rows
    return passes and (not filters.is_of_rows or any(_passes(row, filters) for row in rows))


def _passes(row: Any, filters: CallFilters) -> bool:
    return (
        (not filters.counter or row.counter_id == filters.counter)
        and (not filters.upload or row.upload_id == filters.upload)
        and (not filters.channel or row.channel == filters.channel)
        and (not filters.first_day or timezone.localdate(row.partition_at) >= filters.first_day)
        and (not filters.state or row.display_state == filters.state)
        and (not filters.reason or row.why == filters.reason)
        and (filters.stage != "sent" or row.upload_id is not None)
        and (filters.stage != "late" or _is_late(row))
        and (not filters.link or getattr(row, "link", filters.link) == filters.link)
        and (not filters.forecast or getattr(row, "forecast", filters.forecast) == filters.forecast)
    )


def _is_late(row: Any) -> bool:
    waits = row.display_state in ("waiting", "held", "batched", "unclear", "not_finished")
    return waits and timedelta(hours=1) < NOW - row.partition_at <= timedelta(days=7)


def test_page_is_quick_and_its_statements_are_constant(
    account: YandexAccount, django_assert_max_num_queries: Any
) -> None:
    """A state of every row, of a few rows, of one and of none; of each counter and of all."""
    own = factories.make_counter(account=account, site_mode="own", site_host="own.example")
    call = store_call(cabinet=own.cabinet, site_host="own.example", tags=["Целевой"])
    day_before = NOW - timedelta(days=1)
    rare = store_call(
        cabinet=own.cabinet, site_host="own.example", kind="callback", started_at=day_before
    )
    Delivery.objects.filter(call=rare).update(state=DeliveryState.SKIPPED, reason="too_short")
    sent = make_call(cabinet=own.cabinet, started_at=NOW - timedelta(days=2))
    upload = make_delivery(call=sent, counter=own, upload=make_upload(counter=own)).upload_id
    Delivery.objects.filter(call=call).update(not_before=NOW - timedelta(hours=1))
    copy_call(call, 9_999)
    every: list[tuple[dict[str, Any], int]] = [
        ({"state": "waiting"}, PAGE_SIZE),
        ({"tag": "целевой"}, PAGE_SIZE),
        ({"reason": "too_short"}, 1),
        ({"state": "skipped", "kind": "callback"}, 1),
        ({"state": "needs_attention"}, 0),
        ({"kind": "callback"}, 0),
        ({"forecast": "likely"}, PAGE_SIZE),
        ({"forecast": "never"}, 0),
        (WORST, 0),
        ({"state": "skipped", "reason": "too_short"}, 1),
        ({"upload": upload, "kind": "dynamic"}, 1),
    ]

    for values, count in every:
        for counter in (None, own.pk):
            filters = CallFilters(**values, counter=counter)
            with counted_blocks() as blocks:
                page = page_of(own.cabinet, filters, cursor="", now=NOW)
            assert len(page.calls) == count, values
            # Of a page's worth the page; else what was looked through and the rows of the state.
            # How many blocks a row takes depends on what other tests left in the indexes.
            most = 4_000 if count == PAGE_SIZE else 60_000
            # Of an upload its own rows are looked through.
            most = 500 if "upload" in values else most
            assert blocks.total < most, (values, blocks.worst)
            with django_assert_max_num_queries(14):
                page_of(own.cabinet, filters, cursor="", now=NOW)
    with counted_blocks() as blocks, django_assert_max_num_queries(4):
        assert counted(own.cabinet, CallFilters(upload=upload)) == (1, 1)
    assert blocks.total < 500, blocks.worst
