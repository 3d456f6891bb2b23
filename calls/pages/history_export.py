"""Downloads what the filters of a history show: an Excel workbook with a row for each delivery."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from tempfile import TemporaryFile
from typing import IO, Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cabinets import audit
from cabinets.access import CabinetRequest, manage_required
from cabinets.time_zones import zone_label
from calls.bulk.actions import MAX_ROWS
from calls.bulk.selection import Selection, frozen, select
from calls.models import Call
from calls.pages.empty_history import url_of
from calls.pages.history_page import filter_form
from calls.pages.status_messages import sentence_of, title_of
from calls.pages.upload_page import sent_at_of
from calls.phones import readable_phone
from calls.queries.display_state import DisplayDelivery
from calls.workbook import CONTENT_TYPE, Cell, Column, workbook_writer

#: Rows that are in memory at a time.
CHUNK = 1_000


@require_safe
@manage_required
def export_history(request: CabinetRequest, counter_pk: int) -> HttpResponse:
    """Download the deliveries that the filters show, MAX_ROWS of the newest calls at most.

    Each download is written to the audit trail.
    """
    counter = get_object_or_404(request.cabinet.counters, pk=counter_pk)
    form = filter_form(request, counter, {"q": ""} | request.GET.dict())
    if not form.is_valid():
        return HttpResponseRedirect(url_of(counter, form.shown_values()))
    selection = select(counter, form.filters(), now=timezone.now())
    with TemporaryFile() as file:
        rows = write_rows(file, selection, zone=timezone.get_current_timezone_name())
        file.seek(0)
        workbook = file.read()
    filters = frozen(selection)["filters"] | {"call_ids": None}
    audit.log_change(
        cabinet=request.cabinet,
        actor=request.user,
        action="history.downloaded",
        subject=counter,
        after={"rows": rows, "filters": filters},
    )
    return _attachment(workbook, f"callkeeper-{counter.number}.xlsx")


def _attachment(workbook: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        workbook,
        content_type=CONTENT_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def write_rows(file: IO[bytes], selection: Selection, *, zone: str) -> int:
    """Write the workbook; return how many rows it has. Times are in the time zone."""
    count = 0
    with workbook_writer(file, sheet=_("История звонков"), columns=_columns(zone)) as write:
        for row in _rows(selection):
            write(_cells(row, ZoneInfo(zone)))
            count += 1
    return count


def _rows(selection: Selection) -> Iterator[DisplayDelivery]:
    """Yield the rows with their calls and uploads, from the newest call, in chunks."""
    left, after = MAX_ROWS, None
    while left > 0:
        rows = selection.page(Q(), after=after, most=min(CHUNK, left))
        chunk: list[Any] = list(rows.select_related("upload"))
        if not chunk:
            return
        _attach_calls(chunk)
        yield from chunk
        last = chunk[-1]
        after, left = (last.call_id, last.partition_at, last.channel), left - len(chunk)


def _attach_calls(rows: list[Any]) -> None:
    months = (rows[-1].partition_at, rows[0].partition_at)
    calls = Call.objects.defer("raw", "page_url").filter(partition_at__range=months)
    by_id = calls.in_bulk({row.call_id for row in rows})
    for row in rows:
        row.call = by_id[row.call_id]


def _columns(zone: str) -> list[Column]:
    in_zone = {"zone": zone_label(zone)}
    return [
        Column(_("Начало звонка (время: %(zone)s)") % in_zone, 22),
        Column(_("Телефон клиента")),
        Column(_("Вид звонка"), 26),
        Column(_("Разговор, с"), 12),
        Column(_("Сайт"), 30),
        Column(_("Кампания"), 26),
        Column(_("Номер звонка"), 24),
        Column(_("Канал"), 12),
        Column(_("Состояние"), 24),
        Column(_("Почему"), 60),
        Column(_("Выгрузка"), 12),
        Column(_("Отправлен (время: %(zone)s)") % in_zone, 22),
    ]


def _cells(row: DisplayDelivery, zone: ZoneInfo) -> list[Cell]:
    call, upload = row.call, row.upload
    return [
        _local(call.started_at, zone),
        readable_phone(call.phone) or call.phone_text,
        call.kind_text,
        call.duration_seconds,
        call.site,
        call.campaign_name or call.campaign_id,
        call.external_id,
        str(row.get_channel_display()),
        title_of(row),
        sentence_of(row, blocker=""),
        upload.pk if upload else None,
        _local(sent_at_of(upload), zone) if upload else None,
    ]


def _local(at: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the time in the zone; Excel's times have none of their own."""
    return at.astimezone(zone).replace(tzinfo=None) if at else None
