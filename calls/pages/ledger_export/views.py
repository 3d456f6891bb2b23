"""Views of files of the ledger: ordered, their progress, downloaded, cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from cabinets import audit
from cabinets.access import CabinetRequest, cabinet_required, manage_required, same_cabinet
from calls.models import ExportState, LedgerExport
from calls.pages.history_export import in_this_locale
from calls.pages.ledger_export import job
from calls.pages.ledger_export.files import KINDS
from calls.pages.ledger_export.rows import LedgerReader
from calls.pages.ledger_form import LedgerForm
from calls.pages.ledger_words import days_text
from calls.queries.ledger_filters import CallFilters
from calls.queries.ledger_walk import is_longer_than
from calls.queries.redecision import grouped

#: So many calls are looked through while the person waits; for more a worker makes the file.
AT_ONCE = 5_000
TONES = {
    ExportState.WORKING: "progress",
    ExportState.DONE: "success",
    ExportState.FAILED: "danger",
    ExportState.CANCELLED: "neutral",
}


@require_POST
@cabinet_required
@same_cabinet
def export_ledger(request: CabinetRequest) -> HttpResponse:
    """Download what the filters of the address show, or have a large file made.

    `format` is a kind of file. Each order is written to the audit trail.
    """
    is_whole, now = request.membership.can_manage, timezone.now()
    form = LedgerForm(request.GET.dict(), cabinet=request.cabinet, sees_phones=is_whole)
    kind = request.POST.get("format", "")
    if not form.is_valid() or kind not in KINDS:
        return _to_ledger(request)
    filters = form.filters()
    if is_longer_than(AT_ONCE, request.cabinet, filters, now=now):
        return _order(request, form, filters)
    _log(request, form)
    zone = timezone.get_current_timezone_name()
    reader = LedgerReader(request.cabinet, filters, now, ZoneInfo(zone), is_whole)
    write, content_type = KINDS[kind]
    days = filters.first_day, filters.last_day
    pieces = in_this_locale(write(reader.every_row(), zone, _sheet_days(days)))
    return _attachment(pieces, content_type, f"callkeeper-calls{_days_of(days)}.{kind}")


def _order(request: CabinetRequest, form: LedgerForm, filters: CallFilters) -> HttpResponse:
    made = job.order(
        request.cabinet,
        filters,
        actor=request.user,
        is_whole=request.membership.can_manage,
        now=timezone.now(),
    )
    if made is not None:
        _log(request, form)
        return HttpResponseRedirect(reverse("calls:export-page", args=[made.pk]))
    text = _("Другой файл этого кабинета ещё готовится. Дождитесь его, потом закажите новый.")
    if request.membership.can_manage:
        text = _(
            "Другой файл этого кабинета ещё готовится. Дождитесь его или отмените, потом закажите "
            "новый."
        )
    messages.warning(request, text)
    return _to_ledger(request)


def _days_words(days: job.Days) -> str:
    """Return the chosen days of calls in words."""
    first, last = days
    if first and last:
        return _("Дни звонков: %(days)s.") % {"days": days_text(first, last)}
    if first:
        return _("Дни звонков: с %(day)s.") % {"day": days_text(first, first)}
    if last:
        return _("Дни звонков: по %(day)s.") % {"day": days_text(last, last)}
    return _("Звонки за всё время.")


def _days_of(days: job.Days) -> str:
    """Return the chosen days as a part of a file's name; '' when no day is chosen."""
    first, last = days
    if first is None or first == last:
        return f"-{'to-' if first is None else ''}{last}" if last else ""
    return f"-{first}_{last}" if last else f"-from-{first}"


def _sheet_days(days: job.Days) -> str:
    """Return the first and the last day for the name of a sheet; '' unless both are chosen."""
    first, last = days
    return f"{first:%d.%m.%Y}–{last:%d.%m.%Y}" if first and last else ""


def _log(request: CabinetRequest, form: LedgerForm) -> None:
    """Write the order to the audit trail; the text of a search, which may be a phone, stays out.

    The days are those that a period had at the time.
    """
    days = zip(("from", "to"), form.days(), strict=True)
    shown = form.parameters() | {name: day.isoformat() for name, day in days if day}
    audit.log_change(
        cabinet=request.cabinet,
        actor=request.user,
        action="ledger.downloaded",
        subject=request.cabinet,
        after={"filters": {name: shown[name] for name in shown if name not in ("q", "tag")}},
    )


@never_cache
@require_safe
@cabinet_required
def export_page(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show how far the file is, and where to download it."""
    one = get_object_or_404(_visible(request).select_related("requested_by"), pk=pk)
    context = {
        "export": one,
        "state_text": ExportState(one.state).label,
        "tone": TONES[ExportState(one.state)],
        "is_working": one.state == ExportState.WORKING,
        "is_done": one.state == ExportState.DONE,
        "percent": job.progress_of(one),
        "rows": grouped(one.rows),
        "days": _days_words(job.days_of(one)),
        "most": grouped(job.MAX_ROWS),
        "kept_until": one.finished_at and one.finished_at + job.KEPT,
        "can_cancel": request.membership.can_manage and one.state == ExportState.WORKING,
    }
    return render(request, "calls/ledger_export.html", context)


@require_safe
@cabinet_required
def export_file(request: CabinetRequest, pk: int, format: str) -> HttpResponse:
    """Download a file that is ready."""
    one = get_object_or_404(_visible(request), pk=pk, state=ExportState.DONE)
    if format not in KINDS:
        raise Http404
    write, content_type = KINDS[format]
    days = job.days_of(one)
    pieces = in_this_locale(write(job.stored_rows(one), one.zone, _sheet_days(days)))
    return _attachment(pieces, content_type, f"callkeeper-calls-{one.pk}{_days_of(days)}.{format}")


@require_POST
@manage_required
def cancel_export(request: CabinetRequest, pk: int) -> HttpResponse:
    """End an export that is being made."""
    one = get_object_or_404(_visible(request), pk=pk)
    if job.cancel(one.pk, now=timezone.now()):
        messages.success(request, _("Файл отменён."))
    return HttpResponseRedirect(reverse("calls:export-page", args=[one.pk]))


def recent_of(request: CabinetRequest) -> list[LedgerExport]:
    """Return the last files of the cabinet that this person may download or wait for."""
    states = (ExportState.WORKING, ExportState.DONE)
    return list(
        _visible(request).filter(state__in=states).order_by("-requested_at")[: job.MAX_KEPT]
    )


def _visible(request: CabinetRequest) -> QuerySet[LedgerExport]:
    """Return the files of the cabinet; with whole phones only to whom these are shown."""
    found = LedgerExport.objects.filter(cabinet=request.cabinet)
    return found if request.membership.can_manage else found.filter(is_whole=False)


def _to_ledger(request: CabinetRequest) -> HttpResponse:
    address = urlencode(request.GET.dict())
    return HttpResponseRedirect(reverse("calls:list") + (f"?{address}" if address else ""))


def _attachment(pieces: Iterator[bytes], content_type: str, name: str) -> HttpResponse:
    headers: dict[str, Any] = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        # Compressing waits for the end of what is streamed.
        "Content-Encoding": "identity",
    }
    response = StreamingHttpResponse(pieces, content_type=content_type, headers=headers)
    return cast(HttpResponse, response)  # the decorators know no other kind
