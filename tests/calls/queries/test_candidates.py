"""Filters of the history by state and reason: as the one definition says, and without the rest."""

from __future__ import annotations

from collections import Counter as Tally
from datetime import datetime, timedelta
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.db.models import Q
from django.utils import timezone

from cabinets.models import Cabinet
from calls.decision.reasons import REASONS
from calls.models import Delivery, Upload
from calls.queries import candidates, history
from calls.queries.display_state import states_of_uploads, with_display_state
from calls.queries.history import Filters, Page, filtered, hiding, of_every_state, page_of
from calls.queries.linked import linked_of
from calls.queries.stats import history_totals, whole_history_totals
from calls.states import Attention, Channel, DeliveryState, DisplayState, UploadState
from counters.models import Counter
from tests import factories
from tests.calls.blocks import counted_blocks
from tests.calls.ledger import make_call, make_delivery, make_upload
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

NOW: datetime = timezone.now()
LATE = NOW + timedelta(days=30)
#: Linked rows and rows without a visit, of two rows in the file.
QUANTITIES: tuple[tuple[int | None, int | None], ...] = (
    (None, None),
    (0, 0),
    (0, 2),
    (1, 1),
    (2, 0),
)
#: What a page of a few rows of a large history may read: the rows, the upload, descents of indexes.
FEW_BLOCKS = 250


def values_of(model: Upload | Delivery) -> dict[str, Any]:
    return {field.attname: getattr(model, field.attname) for field in model._meta.concrete_fields}


def make_every_upload(counter: Counter) -> list[Upload]:
    """Store an upload in every state, for every reason, static or not, with every count."""
    model = make_upload(counter=counter, rows=2)
    combinations = product(UploadState, ["", *Attention.values], (False, True), QUANTITIES)
    uploads = []
    for number, (state, attention, is_static, (linked, missed)) in enumerate(combinations):
        if state == UploadState.NEEDS_ATTENTION and not attention:
            continue
        fields = {
            field.attname: getattr(model, field.attname) for field in Upload._meta.concrete_fields
        }
        fields |= {
            "id": None,
            "marker": f"ck{number:032x}a",
            "state": state,
            "attention": attention,
            "is_static": is_static,
            "linked_quantity": linked,
            "user_not_found_quantity": missed,
            "lease_until": NOW,
        }
        uploads.append(Upload(**fields))
    return Upload.objects.bulk_create(uploads)


def make_every_row(counter: Counter) -> None:
    """Store a row in every upload of `make_every_upload`, and rows in every state of their own."""
    call = make_call(cabinet=counter.cabinet, started_at=NOW - timedelta(hours=1))
    model = make_delivery(call=call, counter=counter)
    fields = {
        field.attname: getattr(model, field.attname) for field in Delivery._meta.concrete_fields
    }
    # Relative to NOW, as the other moments: no row is held beyond its horizon.
    fields["not_before"] = NOW - timedelta(hours=1)
    own: list[dict[str, Any]] = [
        {"state": state, "reason": reason, "waited": waited, "expires_at": expires_at}
        for state, reasons in (
            (DeliveryState.SKIPPED, list(REASONS)),
            (DeliveryState.EXPIRED, [None]),
            (DeliveryState.WAITING, [None]),
        )
        for reason, waited, expires_at in product(reasons, (False, True), (NOW, LATE))
    ]
    own += [
        {"state": DeliveryState.WAITING, "not_before": NOW + timedelta(hours=1), "expires_at": LATE}
    ]
    for upload in make_every_upload(counter):
        in_file = {"upload_id": upload.pk, "row_number": 1, "call_revision": 1, "expires_at": LATE}
        own.append(in_file | {"state": DeliveryState.BATCHED})
        if upload.state == UploadState.CANCELLED:
            own.append(in_file | {"state": DeliveryState.ROW_REFUSED, "row_number": 2})
    Delivery.objects.bulk_create(
        Delivery(**fields | one | {"id": None, "call_id": 1_000_000 + number})
        for number, one in enumerate(own)
    )
    assert Delivery.objects.count() == len(own) + 1


def keys_of(rows: Any) -> set[tuple[int, int]]:
    return set(rows.values_list("call_id", "channel"))


def test_filters_find_what_the_definition_says(counter: Counter) -> None:
    make_every_row(counter)
    rows = with_display_state(Delivery.objects.filter(counter=counter), NOW)
    by_state: dict[str, set[tuple[int, int]]] = {}
    by_reason: dict[str, set[tuple[int, int]]] = {}
    for call_id, channel, state, why in rows.values_list(
        "call_id", "channel", "display_state", "why"
    ):
        by_state.setdefault(state, set()).add((call_id, channel))
        by_reason.setdefault(why, set()).add((call_id, channel))
    assert set(by_state) == set(DisplayState.values)
    assert set(by_reason) == {"", *REASONS, *Attention.values}

    for state, expected in by_state.items():
        assert keys_of(filtered(counter, Filters(state=state), now=NOW)) == expected, state
    for reason, expected in by_reason.items():
        if reason:
            assert keys_of(filtered(counter, Filters(reason=reason), now=NOW)) == expected, reason
    both = filtered(counter, Filters(state="expired", reason="not_configured"), now=NOW)
    assert keys_of(both) == by_state["expired"] & by_reason["not_configured"] != set()


def test_conditions_leave_out_what_can_not_be_in_the_state(counter: Counter) -> None:
    """They would be of no use if they let everything through."""
    make_every_row(counter)
    everything = Delivery.objects.filter(counter=counter).count()

    for state in DisplayState.values:
        likely = candidates.of_state(Q(counter=counter), state, since=None, now=NOW)
        found = Delivery.objects.filter(likely.condition, counter=counter).count()
        assert found < everything / 2, state


def test_totals_by_upload_are_those_of_the_rows(counter: Counter) -> None:
    make_every_row(counter)
    rows = with_display_state(Delivery.objects.filter(counter=counter), NOW)

    totals, linked = history_totals(rows, now=NOW)

    states = list(rows.values_list("display_state", "upload__uploading_id"))
    assert {one.state: one.count for one in totals} == Tally(state for state, _id in states)
    assert {one.state: one.sent for one in totals if one.sent} == Tally(
        state for state, uploading in states if uploading is not None
    )
    assert linked == linked_of(rows)


def test_totals_of_the_whole_history_are_those_of_its_rows(counter: Counter) -> None:
    make_every_row(counter)
    rows = Delivery.objects.filter(counter=counter)
    assert {"row_refused", "expired", "not_finished"} < set(
        with_display_state(rows, NOW).values_list("display_state", flat=True)
    )
    # Rows of another counter, and a file of which nothing but a refused row is left.
    other = factories.make_counter(account=counter.account)
    make_delivery(call=make_call(cabinet=counter.cabinet), counter=other)
    refused = make_upload(counter=counter, state=UploadState.CANCELLED)
    call = make_call(cabinet=counter.cabinet)
    make_delivery(call=call, counter=counter, upload=refused, state=DeliveryState.ROW_REFUSED)

    assert whole_history_totals(counter, now=NOW) == history_totals(rows, now=NOW)
    assert whole_history_totals(other, now=NOW) == history_totals(
        Delivery.objects.filter(counter=other), now=NOW
    )


def test_whole_history_of_many_rows_has_the_totals_of_its_rows(large: Counter) -> None:
    now = timezone.now()
    expected = history_totals(Delivery.objects.filter(counter=large), now=now)
    totals = whole_history_totals(large, now=now)

    assert totals == expected
    assert [(one.state, one.count) for one in totals[0]] == [
        ("accepted", 10_000),
        ("skipped", 10_000),
    ]


def test_rows_are_counted_without_their_uploads(large: Counter) -> None:
    rows = of_every_state(large, Filters(state="accepted", channel=1), now=timezone.now())
    totals, _linked = history_totals(rows, now=timezone.now())

    assert [(one.state, one.count) for one in totals] == [("accepted", 10_000)]
    assert "calls_upload" not in str(rows.query)


def test_states_of_uploads_are_those_of_their_rows(counter: Counter) -> None:
    make_every_row(counter)
    rows = Delivery.objects.filter(counter=counter, state=DeliveryState.BATCHED)
    of_rows = with_display_state(rows, NOW).values_list("upload_id", "display_state")

    states = states_of_uploads([pk for pk, _state in of_rows])

    assert {pk: state for pk, (state, _is_sent) in states.items()} == dict(of_rows)


@pytest.fixture
def large(cabinet: Cabinet, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Counter:
    """A counter with 10,000 calls in 10 files and as many skipped rows of the other channel."""
    monkeypatch.setattr(candidates, "FEW", 3000)
    for number in range(10):
        upload = make_upload(
            counter=counter, state=UploadState.PROCESSED, rows=1000, linked_quantity=1000
        )
        call = store_call(cabinet=cabinet, started_at=NOW - timedelta(hours=1 + number))
        Delivery.objects.filter(call=call, channel=Channel.CALLS).update(
            state=DeliveryState.BATCHED, upload=upload, row_number=1, call_revision=1
        )
        skipped = {"state": DeliveryState.SKIPPED, "reason": "goal_not_set"}
        make_delivery(call=call, counter=counter, channel=Channel.GOAL, **skipped)
        copy_call(call, 999)
    return counter


def test_rare_and_absent_states_and_reasons_read_few_blocks(
    large: Counter, cabinet: Cabinet
) -> None:
    old = make_call(cabinet=cabinet, started_at=NOW - timedelta(days=3))
    refused = make_upload(
        counter=large, state=UploadState.NEEDS_ATTENTION, attention=Attention.REJECTED, rows=1
    )
    make_delivery(call=old, counter=large, upload=refused)
    common = {DisplayState.ACCEPTED, DisplayState.SKIPPED}
    first_day = (NOW - timedelta(days=6)).date()

    for state in set(DisplayState) - common:
        filters = Filters(state=state.value, first_day=first_day)
        with counted_blocks() as blocks:
            rows = page_of(large, filters, cursor="", now=timezone.now()).rows
        assert len(rows) == (state == DisplayState.NEEDS_ATTENTION)
        assert blocks.total < FEW_BLOCKS, (state, blocks.worst)
    for reason in ("too_short", "identifier_unreadable", Attention.REJECTED, Attention.DAMAGED):
        filters = Filters(reason=reason, first_day=first_day)
        with counted_blocks() as blocks:
            rows = page_of(large, filters, cursor="", now=timezone.now()).rows
            history_totals(filtered(large, filters, now=timezone.now()), now=timezone.now())
            if not rows:
                assert hiding(large, filters, now=timezone.now()) == ["reason"]
        assert len(rows) == (reason == Attention.REJECTED)
        assert blocks.total < 3 * FEW_BLOCKS, (reason, blocks.worst)


def test_common_states_read_a_page_of_the_history(large: Counter) -> None:
    with connection.cursor() as cursor:
        # So few rows are in memory, and so cheap to read by an index.
        cursor.execute("SET LOCAL random_page_cost = 1")
    for state in (DisplayState.ACCEPTED, DisplayState.SKIPPED):
        with counted_blocks() as blocks:
            page = page_of(large, Filters(state=state.value), cursor="", now=timezone.now())
        assert len(page.rows) == 50
        assert blocks.total < 3 * FEW_BLOCKS, (state, blocks.worst)


@pytest.fixture
def files(cabinet: Cabinet, counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Counter:
    """A counter with eight files of six rows, days apart, and pages of four rows.

    One row of each file was refused; the start of another was corrected by more than a week.
    """
    monkeypatch.setattr(history, "PAGE_SIZE", 4)
    monkeypatch.setattr(history, "ENOUGH", 6)
    for number in range(8):
        at = NOW - timedelta(days=3 * number, hours=1)
        attention = Attention.REJECTED if number % 3 else Attention.DAMAGED
        upload = make_upload(
            counter=counter,
            state=UploadState.NEEDS_ATTENTION,
            attention=attention,
            rows=6,
            created_at=at + timedelta(minutes=30),
            oldest_call_at=at - timedelta(days=9),
            newest_call_at=at - timedelta(days=9 * (number == 5)),
        )
        for row in range(6):
            call = make_call(cabinet=cabinet, started_at=at + timedelta(minutes=row))
            refused = {"state": DeliveryState.ROW_REFUSED} if row == 2 else {}
            make_delivery(call=call, counter=counter, upload=upload, row_number=row + 1, **refused)
    return counter


def pages_of(counter: Counter, filters: Filters) -> list[int]:
    """Return the calls of all pages, one after the other."""
    page = Page([], "start")
    found: list[int] = []
    while page.next_cursor:
        page = page_of(counter, filters, cursor=page.next_cursor, now=timezone.now())
        found += [row.call.pk for row in page.rows]
    return found


@pytest.mark.parametrize("few", [3, 10_000])
@pytest.mark.parametrize(
    "chosen",
    [
        {"state": "needs_attention"},
        {"state": "row_refused"},
        {"reason": "rejected"},
        {"state": "needs_attention", "reason": "damaged"},
        {"state": "needs_attention", "last_day": (NOW - timedelta(days=4)).date()},
    ],
)
def test_pages_of_the_latest_files_are_those_of_all(
    files: Counter, chosen: dict[str, Any], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidates, "FEW", few)
    filters = Filters(**chosen)
    rows = filtered(files, filters, now=timezone.now())
    expected = list(rows.order_by("-partition_at").values_list("call_id", flat=True))

    assert pages_of(files, filters) == expected
    assert len(expected) >= 6


def test_first_page_reads_the_latest_files_alone(files: Counter) -> None:
    likely = candidates.of_state(Q(counter=files), "needs_attention", since=None, now=NOW)
    latest = likely.latest(None, 6)
    assert latest is not None

    found = Delivery.objects.filter(latest, counter=files).values_list("upload_id", flat=True)

    # The oldest call of the latest file is nine days older than the file.
    assert [one.rows for one in likely.files] == [6] * 8
    assert len(set(found)) == 4
    assert likely.latest(None, 49) is None
