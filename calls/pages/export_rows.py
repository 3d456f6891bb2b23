"""The rows of a downloaded history, without an object for each: 100,000 of them in seconds."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.utils import timezone

from calls.bulk.actions import MAX_ROWS
from calls.bulk.selection import Selection
from calls.decision.judged import LAST_DAY
from calls.decision.reasons import hide_personal_data
from calls.models import Call, Delivery, Upload
from calls.pages.proved import shown_sentence
from calls.pages.status_messages import title_of
from calls.pages.upload_page import sent_at_of
from calls.phones import readable_phone
from calls.queries.link_proofs import Link, link_of_rows
from calls.states import Channel, DeliveryState, DisplayState
from calls.workbook import Cell
from counters.models import Counter

#: Rows that are in memory at a time.
CHUNK = 2_000
#: Texts that are kept: most rows share theirs, and what each has alone must not fill the memory.
_KEPT_TEXTS = 5_000
#: The channel, the kind of call, the state and why.
Words = tuple[str, str, str, str]
#: What is known of the link of a row to a visit, by its upload and number.
Links = dict[tuple[int, int | None], Link]


class RowValues(NamedTuple):
    """What is read of a delivery: the fields of the same names."""

    call_id: int
    partition_at: datetime
    counter_id: int
    channel: int
    display_state: str
    why: str
    reason: str | None
    compared: Any
    is_static: bool
    not_before: datetime | None
    expires_at: datetime
    call_revision: int | None
    upload_id: int | None
    row_number: int | None
    state: int


class CallValues(NamedTuple):
    """What is read of a call: the fields of the same names."""

    id: int
    started_at: datetime
    phone: str
    phone_text: str
    kind: str
    hold_back: int | None
    duration_seconds: int
    site: str
    campaign_name: str
    campaign_id: str
    external_id: str
    unreadable_identifiers: Any
    revision: int
    status: str
    order_key: int | None
    received_at: datetime
    tags: list[str]
    source_id: int | None
    partition_at: datetime


def rows_of(selection: Selection, zone: ZoneInfo) -> Iterator[Sequence[Cell]]:
    """Yield the cells of each row, from the newest call, MAX_ROWS at most."""
    texts = Texts(selection.counter)
    left, after = MAX_ROWS, None
    while left > 0:
        page = selection.page(Q(), after=after, most=min(CHUNK, left))
        rows = [RowValues(*values) for values in page.values_list(*RowValues._fields)]
        if not rows:
            return
        calls, uploads, links = _calls(rows), uploads_of(rows), links_of(rows)
        for row in rows:
            upload = uploads[row.upload_id] if row.upload_id is not None else None
            link = links.get((row.upload_id or 0, row.row_number))
            yield _cells(row, calls[row.call_id], upload, link, texts, zone)
        after, left = (rows[-1].call_id, rows[-1].partition_at, rows[-1].channel), left - len(rows)


def _calls(rows: Sequence[RowValues]) -> dict[int, CallValues]:
    months = (rows[-1].partition_at, rows[0].partition_at)
    found = Call.objects.filter(
        partition_at__range=months, pk__in=one_of([r.call_id for r in rows])
    )
    return {values[0]: CallValues(*values) for values in found.values_list(*CallValues._fields)}


def uploads_of(rows: Sequence[RowValues]) -> dict[int, Upload]:
    """Return the uploads that the rows are in, by id."""
    return Upload.objects.in_bulk({row.upload_id for row in rows if row.upload_id is not None})


def links_of(rows: Sequence[RowValues]) -> Links:
    """Return what is known of the link of each sent row to a visit, by upload and number."""
    return link_of_rows(
        [
            (row.upload_id, row.row_number)
            for row in rows
            if row.upload_id is not None and row.state == DeliveryState.BATCHED
        ]
    )


def one_of(ids: Collection[int]) -> RawSQL:
    """Return the ids as one parameter: as many as these take longer to parse than to find."""
    return RawSQL("SELECT unnest(%s::bigint[])", [[*ids]])


def _cells(
    row: RowValues,
    call: CallValues,
    upload: Upload | None,
    link: Link | None,
    texts: Texts,
    zone: ZoneInfo,
) -> Sequence[Cell]:
    channel, kind, state, why = texts.of(row, call, upload, link)
    return (
        local_time(call.started_at, zone),
        readable_phone(call.phone) or call.phone_text,
        kind,
        call.duration_seconds,
        call.site,
        call.campaign_name or call.campaign_id,
        call.external_id,
        channel,
        state,
        why,
        row.upload_id,
        local_time(sent_at_of(upload), zone) if upload else None,
        link.text if link else None,
    )


def local_time(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the time in the zone; Excel's times have none of their own."""
    return at.astimezone(zone).replace(tzinfo=None) if at else None


class Texts:
    """The words and sentences of rows; those of equal rows are made once.

    For one download: the state of an upload, the language and the time zone are those of its time.
    """

    def __init__(self, counter: Counter, *, is_whole: bool = True) -> None:
        self._counter = counter
        self._is_whole = is_whole
        self._kept: dict[Hashable, Words] = {}

    def of(
        self, row: RowValues, call: CallValues, upload: Upload | None, link: Link | None
    ) -> Words:
        """Return the channel, the kind of call, the state and why."""
        key = _key(row, call, self._counter), link.value if link else ""
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= _KEPT_TEXTS:
                self._kept.clear()
            found = self._kept[key] = self._made(row, call, upload, link)
        return found

    def _made(
        self, row: RowValues, call: CallValues, upload: Upload | None, link: Link | None
    ) -> Words:
        delivery: Any = Delivery(
            **{name: getattr(row, name) for name in _OF_DELIVERY},
            call=Call(**call._asdict()),
            counter=self._counter,
            upload=upload,
        )
        delivery.display_state, delivery.why = row.display_state, row.why
        if not self._is_whole:
            hide_personal_data([delivery])
        return (
            str(Channel(row.channel).label),
            delivery.call.kind_text,
            title_of(delivery),
            shown_sentence(delivery, link, blocker=""),
        )


_OF_DELIVERY = (
    "channel",
    "reason",
    "compared",
    "is_static",
    "not_before",
    "expires_at",
    "call_revision",
)


def _key(row: RowValues, call: CallValues, counter: Counter) -> Hashable:
    """Return what the texts depend on."""
    compared = repr(row.compared) if row.compared is not None else None
    is_changed = row.call_revision is not None and call.revision > row.call_revision
    held = _held_key(row, call, counter) if row.display_state == DisplayState.HELD else None
    return (
        (row.channel, row.display_state, row.why, row.reason, compared, row.upload_id),
        (row.is_static, is_changed, call.kind, call.hold_back, bool(call.unreadable_identifiers)),
        held,
    )


def _held_key(row: RowValues, call: CallValues, counter: Counter) -> Hashable:
    """Return what the sentence of a held call depends on: minutes, and whether it waits so long."""
    if row.not_before is None:
        return None
    ends_at = call.started_at + timedelta(seconds=call.duration_seconds)
    longest = timedelta(hours=counter.hold_hours)
    return (
        _minute(row.not_before),
        row.not_before == row.expires_at - LAST_DAY,
        _minute(ends_at) if ends_at > timezone.now() else None,
        (row.not_before == ends_at + longest, not call.tags),
        (row.not_before == call.received_at + longest, call.order_key is None, call.status),
    )


def _minute(at: datetime) -> datetime:
    return at.replace(second=0, microsecond=0)
