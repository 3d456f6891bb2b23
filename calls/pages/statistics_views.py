"""The pages of numbers: statistics and funnel."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from cabinets.access import CabinetRequest, cabinet_required
from cabinets.time_zones import zone_label
from calls.pages.funnel_page import funnel_tables, sample_of
from calls.pages.linked_share import LinkEvidence
from calls.pages.number_table import NumberTable, as_csv, of_day
from calls.pages.period_form import PeriodForm
from calls.pages.statistics_tables import tables_of
from calls.pages.statistics_totals import Ended, Statistics
from calls.queries.statistics import calls_of, calls_of_both, lacks_data, rows_of, without


@require_safe
@cabinet_required
def statistics(request: CabinetRequest) -> HttpResponse:
    """Show calls by day, hour, kind and state, or download one table (`?export=`)."""
    form = PeriodForm(request.GET.dict(), cabinet=request.cabinet)
    tables = tables_of(_counted(request, form)) if form.is_valid() else []
    return _answer(request, form, tables, "statistics", {})


@require_safe
@cabinet_required
def funnel(request: CabinetRequest) -> HttpResponse:
    """Show how many calls reach each step, or download one table (`?export=`)."""
    form = PeriodForm(request.GET.dict(), cabinet=request.cabinet)
    if not form.is_valid():
        return _answer(request, form, [], "funnel", {})
    period, counter = form.period_days(), form.chosen_counter()
    tables = funnel_tables(request.cabinet, period, counter)
    sees_phones = request.membership.can_manage
    more = {
        "sample": sample_of(
            request.cabinet,
            period,
            counter,
            chosen=request.GET.get("sample", ""),
            sees_phones=sees_phones,
        )
    }
    return _answer(request, form, tables, "funnel", more)


def _counted(request: CabinetRequest, form: PeriodForm) -> Statistics:
    cabinet, period, counter = request.cabinet, form.period_days(), form.chosen_counter()
    today = timezone.localdate()
    ended = period.ended(today)
    before = ended.before() if ended else None
    evidence = LinkEvidence.of(cabinet, period, counter)
    calls, calls_before = calls_of_both(cabinet, before, period, counter)
    rows = rows_of(cabinet, period, counter)
    has_today = period.first <= today <= period.last
    of_today = rows_of(cabinet, of_day(period, today), counter) if has_today and ended else []
    rows_ended = without(rows, of_today)
    return Statistics(
        period=period,
        counter=counter,
        names={one.pk: one.name for one in form.found.values()},
        calls=calls,
        hours=calls_of(cabinet, period, counter, by=("hour_of_day",)),
        rows=rows,
        evidence=evidence,
        ended=Ended(
            period=ended,
            before=before,
            calls_before=calls_before,
            rows=rows_ended,
            rows_before=rows_of(cabinet, before, counter),
            # What is counted by logs is compared with such numbers only.
            evidence_before=LinkEvidence.of_logs(cabinet, before, counter)
            if evidence.linked(rows_ended).by_logs
            else LinkEvidence({}),
            first_day=lacks_data(cabinet, before, counter),
        )
        if ended and before
        else None,
    )


def _answer(
    request: CabinetRequest,
    form: PeriodForm,
    tables: list[NumberTable],
    name: str,
    more: dict[str, Any],
) -> HttpResponse:
    code = request.GET.get("export")
    if code and form.is_valid():
        for table in tables:
            if table.code == code:
                return as_csv(table, name)
        raise Http404("no such table")
    context: dict[str, Any] = {"form": form, "tables": tables, "page_name": name, **more}
    if form.is_valid():
        context["is_empty"] = not any(table.has_numbers for table in tables)
        context["period"] = form.period_days()
        context["zone"] = zone_label(request.cabinet.time_zone)
    return render(request, f"calls/{name}.html", context)
