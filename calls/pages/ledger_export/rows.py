"""The rows of a file of the ledger: one for each call, counter and channel that pass the filters.

A call without a row for any counter has one line, unless the filters ask for rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from cabinets.time_zones import zone_label
from calls.forecast import Forecast
from calls.forecast.expression import STATES as FORECAST_STATES
from calls.forecast.expression import with_forecast
from calls.masking import masked_campaign, masked_text, masked_value
from calls.models import Call, Delivery, Upload
from calls.pages.export_rows import (
    CallValues,
    Links,
    RowValues,
    Texts,
    links_of,
    local_time,
    one_of,
    uploads_of,
)
from calls.pages.upload_page import sent_at_of
from calls.phones import shown_phone
from calls.queries.ledger_filters import CallFilters, passing
from calls.queries.ledger_walk import Place, next_calls
from calls.queries.link_proofs import Link
from calls.workbook import Cell, Column
from counters.models import Counter

#: Calls whose rows are in memory at a time.
STEP = 1_000
#: Columns of a file that are times.
TIMES = (0, 16)
#: A row, and its forecast as `calls.forecast` reads it; None without one.
LedgerRow = tuple[RowValues, str | None]


class Lines(NamedTuple):
    """Some lines of the file, and the place after which to go on; None at the end."""

    rows: list[Sequence[Cell]]
    next: Place | None


@dataclass(frozen=True)
class LedgerReader:
    """Reads the lines of the ledger that pass the filters, as they are ``now``.

    Times are in ``zone``. Without ``is_whole`` personal data is masked.
    """

    cabinet: Cabinet
    filters: CallFilters
    now: datetime
    zone: ZoneInfo
    is_whole: bool
    _texts: dict[int, Texts] = field(default_factory=dict)

    def every_row(self) -> Iterator[Sequence[Cell]]:
        """Yield the lines from the newest call to the oldest."""
        after: Place | None = None
        while True:
            lines = self.step(after)
            yield from lines.rows
            if lines.next is None:
                return
            after = lines.next

    def step(self, after: Place | None) -> Lines:
        """Return the lines of up to STEP calls after the place; a bounded number of queries."""
        found = next_calls(self.cabinet, self.filters, after, most=STEP, now=self.now)
        if not found.places:
            return Lines([], found.next)
        months = [one.month for one in found.places if one.month is not None]
        span = (min(months), max(months))
        ids = [one.call_id for one in found.places]
        calls, rows = self._calls(ids, span), self._rows(ids, span)
        every = [row for of_call in rows.values() for row, _forecast in of_call]
        uploads, links = uploads_of(every), links_of(every)
        lines = [
            line
            for one in found.places
            for line in self._lines(calls[one.call_id], rows.get(one.call_id, []), uploads, links)
        ]
        return Lines(lines, found.next)

    def _calls(self, ids: list[int], span: tuple[datetime, datetime]) -> dict[int, CallValues]:
        found = Call.objects.filter(partition_at__range=span, pk__in=one_of(ids))
        return {one[0]: CallValues(*one) for one in found.values_list(*CallValues._fields)}

    def _rows(self, ids: list[int], span: tuple[datetime, datetime]) -> dict[int, list[LedgerRow]]:
        rows = Delivery.objects.filter(partition_at__range=span, call_id__in=one_of(ids))
        by_call: dict[int, list[LedgerRow]] = defaultdict(list)
        found = with_forecast(passing(rows, self.filters, self.now), now=self.now)
        for *values, forecast in found.values_list(*RowValues._fields, "forecast"):
            row = RowValues(*values)
            by_call[row.call_id].append((row, forecast if row.state in FORECAST_STATES else None))
        return by_call

    def _lines(
        self, call: CallValues, rows: list[LedgerRow], uploads: dict[int, Upload], links: Links
    ) -> Iterator[Sequence[Cell]]:
        first = self._of_call(call)
        for row, forecast in sorted(rows, key=lambda one: self._place_of(one[0])):
            upload = uploads[row.upload_id] if row.upload_id is not None else None
            link = links.get((row.upload_id or 0, row.row_number))
            known = link.text if link else None, Forecast.read(forecast).text if forecast else None
            yield *first, *self._of_row(row, call, upload, link), *known
        if not rows and not self.filters.is_of_rows:
            yield *first, None, None, None, _("Ни в одном счетчике"), *[None] * 5

    def _place_of(self, row: RowValues) -> tuple[str, int, int]:
        return self._counters[row.counter_id].name, row.counter_id, row.channel

    def _of_call(self, call: CallValues) -> Sequence[Cell]:
        whole = self.is_whole
        campaign, tags = call.campaign_name or call.campaign_id, ", ".join(call.tags)
        return (
            local_time(call.started_at, self.zone),
            shown_phone(call.phone, call.phone_text, is_whole=whole),
            Call(kind=call.kind, hold_back=call.hold_back).kind_text,
            call.duration_seconds,
            call.site if whole else masked_text(call.site),
            self._sources.get(call.source_id or 0),
            campaign if whole else masked_campaign(campaign),
            tags if whole else masked_text(tags),
            call.external_id if whole else masked_value(call.external_id),
            call.status and str(Call.Status(call.status).label),
        )

    def _of_row(
        self, row: RowValues, call: CallValues, upload: Upload | None, link: Link | None
    ) -> Sequence[Cell]:
        counter = self._counters[row.counter_id]
        if counter.pk not in self._texts:
            self._texts[counter.pk] = Texts(counter, is_whole=self.is_whole)
        channel, _kind, state, why = self._texts[counter.pk].of(row, call, upload, link)
        sent_at = local_time(sent_at_of(upload), self.zone) if upload else None
        return counter.name, counter.number, channel, state, why, row.upload_id, sent_at

    @cached_property
    def _counters(self) -> dict[int, Counter]:
        return self.cabinet.counters.in_bulk()

    @cached_property
    def _sources(self) -> dict[int, str]:
        return dict(self.cabinet.call_sources.values_list("pk", "name"))


def columns_of(zone: str) -> list[Column]:
    """Return the columns of a file with times of this time zone."""
    in_zone = {"zone": zone_label(zone)}
    return [
        Column(_("Начало звонка (время: %(zone)s)") % in_zone, 22),
        Column(_("Телефон клиента")),
        Column(_("Вид звонка"), 26),
        Column(_("Разговор, с"), 12),
        Column(_("Сайт"), 30),
        Column(_("Источник"), 20),
        Column(_("Кампания"), 26),
        Column(_("Теги"), 26),
        Column(_("Номер звонка"), 24),
        Column(_("Итог звонка"), 14),
        Column(_("Счетчик"), 24),
        Column(_("Номер счетчика"), 14),
        Column(_("Канал"), 12),
        Column(_("Состояние"), 24),
        Column(_("Почему"), 60),
        Column(_("Выгрузка"), 12),
        Column(_("Отправлен (время: %(zone)s)") % in_zone, 22),
        Column(_("Привязка"), 34),
        Column(_("Прогноз привязки"), 60),
    ]
