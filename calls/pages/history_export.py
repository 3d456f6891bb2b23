"""Downloads what the filters of a history show: an Excel workbook with a row for each delivery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.http import HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cabinets import audit
from cabinets.access import CabinetRequest, manage_required
from cabinets.time_zones import zone_label
from calls.bulk.actions import MAX_ROWS
from calls.bulk.selection import Selection, frozen, select
from calls.pages.empty_history import url_of
from calls.pages.export_rows import rows_of
from calls.pages.history_page import filter_form
from calls.workbook import CONTENT_TYPE, Column
from calls.workbook_stream import workbook_pieces


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
    filters = frozen(selection)["filters"] | {"call_ids": None}
    # Before the first row leaves: whoever breaks the download off has what came.
    audit.log_change(
        cabinet=request.cabinet,
        actor=request.user,
        action="history.downloaded",
        subject=counter,
        after={"rows": selection.rows(Q()).order_by()[:MAX_ROWS].count(), "filters": filters},
    )
    pieces = in_this_locale(pieces_of(selection, zone=timezone.get_current_timezone_name()))
    return _attachment(pieces, f"callkeeper-{counter.number}.xlsx")


def _attachment(pieces: Iterator[bytes], name: str) -> HttpResponse:
    response = StreamingHttpResponse(
        pieces,
        content_type=CONTENT_TYPE,
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
            # A workbook is compressed: GZipMiddleware leaves it as it is.
            "Content-Encoding": "identity",
        },
    )
    return cast(HttpResponse, response)  # the decorators know no other kind


def in_this_locale(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces, each made in the language and the time zone of now.

    Those of a request are over when its response is streamed.
    """
    language, zone = translation.get_language(), timezone.get_current_timezone()

    def following() -> bytes | None:
        with translation.override(language), timezone.override(zone):
            return next(pieces, None)

    return iter(following, None)


def pieces_of(selection: Selection, *, zone: str) -> Iterator[bytes]:
    """Yield the workbook in pieces, the first at once. Times are in the time zone."""
    sheet, columns = _("История звонков"), _columns(zone)
    return workbook_pieces(rows_of(selection, ZoneInfo(zone)), sheet=sheet, columns=columns)


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
        Column(_("Привязка"), 34),
    ]
