"""The page of the ledger: all calls of a cabinet over all counters, filtered."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from calls.pages.ledger_chart import TOTALS, chart_context
from calls.pages.ledger_export.views import recent_of
from calls.pages.ledger_form import LedgerForm
from calls.pages.ledger_rows import ledger_rows
from calls.pages.ledger_words import chosen_of, without_forecast
from calls.pages.saved_filters import filters_context
from calls.queries.call_list import page_of
from calls.queries.ledger_walk import SCANNED


@require_safe
@cabinet_required
def call_list(request: CabinetRequest) -> HttpResponse:
    """List the calls of the cabinet, newest first, with what became of each at every counter.

    To htmx that asks for the counts these alone are shown.
    """
    sees_phones = request.membership.can_manage
    data = request.GET.dict()
    form = LedgerForm(data, cabinet=request.cabinet, sees_phones=sees_phones)
    if not form.is_valid():
        return _answer(request, form, {})
    cursor, now, filters = data.get("cursor", ""), timezone.now(), form.filters()
    chart: dict[str, Any] = {}
    if not cursor:  # a further page is appended below the first, which has the chart
        is_asked = TOTALS in data
        chart = chart_context(request.cabinet, form, filters, is_asked=is_asked, now=now)
        if request.htmx and is_asked:
            # The page that asks has rows.
            return render(request, "calls/_ledger_chart.html", chart | {"rows": True})
    page = page_of(request.cabinet, filters, cursor=cursor, now=now)
    context = {
        "rows": ledger_rows(page.calls, now=now, sees_phones=sees_phones),
        "next_cursor": page.next_cursor,
        "chosen": chosen_of(form),
        "without_forecast": without_forecast(form),
        "is_filtered": bool(cursor) or bool(form.parameters()),
    }
    return _answer(request, form, context | chart)


def _answer(request: CabinetRequest, form: LedgerForm, context: dict[str, Any]) -> HttpResponse:
    context = {"filters": form, "scanned": SCANNED} | context
    context |= filters_context(request, form) | {"exports": recent_of(request)}
    return render(request, "calls/call_list.html", context)
