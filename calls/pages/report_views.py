"""The page that compares counters with Metrika's reports, its download, and the order to read."""

from __future__ import annotations

import csv
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from cabinets.time_zones import zone_label
from calls.models import MetrikaReport, Reconciliation
from calls.models.reports import today_of
from calls.pages.report_page import Comparison, channels_of, comparison_of, csv_rows
from calls.pages.report_period import PERIODS, ReportPeriod
from calls.pages.report_standings import most_sent, standings_of, totals_of
from calls.pages.report_words import QUALITY
from calls.reconciliation import reports
from calls.states import Channel
from counters.models import Counter
from integrations.api_call import CODES, NO_ANSWER


@never_cache
@require_safe
@cabinet_required
def reports_page(request: CabinetRequest) -> HttpResponse:
    """Compare one counter by day, and list how the others stand."""
    counters = list(_counters(request))
    chosen = _chosen(request, counters)
    context: dict[str, Any] = {"counters": counters, "periods": PERIODS, "counter": chosen}
    context["quality"] = QUALITY
    context["is_chosen"] = chosen is not None and request.GET.get("counter") == str(chosen.pk)
    context["can_manage"] = request.membership.can_manage
    if chosen is not None:
        context |= _of_counter(chosen, _period(request, chosen))
        context["standings"] = standings = standings_of(counters)
        context["totals"] = totals_of(standings)
    return render(request, "calls/reports.html", context)


@require_safe
@cabinet_required
def reports_csv(request: CabinetRequest, counter_pk: int) -> HttpResponse:
    """Download the days of one counter as CSV, a block for each channel."""
    counter = get_object_or_404(_counters(request), pk=counter_pk)
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="metrika-{counter.number}.csv"'
    # Excel reads UTF-8 by this mark.
    response.write("\ufeff")
    writer = csv.writer(response, delimiter=";")
    for one in _comparisons(counter, _report(counter), _period(request, counter)):
        writer.writerow([str(one.channel.label)])
        writer.writerow(_header())
        writer.writerows(csv_rows(one))
    return response


@require_POST
@manage_required
def read_report(request: CabinetRequest, counter_pk: int) -> HttpResponse:
    """Order the report of a counter to be read now."""
    counter = get_object_or_404(_counters(request), pk=counter_pk)
    if reports.order(counter, actor=request.user, now=timezone.now()):
        messages.success(request, _("Спросим Метрику в ближайшие секунды."))
    else:
        text = _("Отчёт этого счетчика уже читается или прочитан меньше 5 минут назад.")
        messages.warning(request, text)
    chosen = _period(request, counter).query
    return HttpResponseRedirect(f"{reverse('calls:reports')}?counter={counter.pk}&{chosen}")


def _of_counter(counter: Counter, period: ReportPeriod) -> dict[str, Any]:
    report = _report(counter)
    error = report.error if report else ""
    compared = Reconciliation.objects.filter(counter=counter, is_latest=True).first()
    return {
        "period": period,
        "report": report,
        "error": CODES.get(error, NO_ANSWER) if error else "",
        "comparisons": _comparisons(counter, report, period),
        "zone": zone_label(counter.time_zone),
        "of_files": compared if compared and compared.uploadings is not None else None,
    }


def _comparisons(
    counter: Counter, report: MetrikaReport | None, period: ReportPeriod
) -> list[Comparison]:
    days = period.first, period.last
    return [
        comparison_of(counter, report, channel, days=days)
        for channel in channels_of(counter) or [Channel.CALLS]
    ]


def _header() -> list[str]:
    return [
        _("День"),
        _("Поступило"),
        _("К отправке"),
        _("Отправлено"),
        _("Принято Метрикой"),
        _("Привязано"),
        _("В отчёте"),
        _("Разница"),
        _("Итог"),
        _("Возможные причины"),
    ]


def _report(counter: Counter) -> MetrikaReport | None:
    return MetrikaReport.objects.filter(counter=counter).first()


def _counters(request: CabinetRequest) -> Any:
    """Return the counters that calls can be sent to: their settings were saved."""
    present = request.cabinet.counters.present().filter(configured_at__isnull=False)
    return present.select_related("goal", "callback_goal", "cabinet").order_by("name", "pk")


def _chosen(request: CabinetRequest, counters: list[Counter]) -> Counter | None:
    """Return the counter of the address, by default the one that sent the most in 30 days."""
    wanted = request.GET.get("counter", "")
    by_key = {str(one.pk): one for one in counters}
    if wanted in by_key or not counters:
        return by_key.get(wanted)
    return most_sent(request.cabinet, counters)


def _period(request: CabinetRequest, counter: Counter) -> ReportPeriod:
    return ReportPeriod.chosen(request.GET.dict(), today_of(counter, timezone.now()))
