"""How all counters stood when their reports were read; which of them sends the most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from django.db.models import Sum
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from cabinets.models import Cabinet
from calls.models import MetrikaReport, MetrikaReportDay
from calls.pages.funnel_steps import ACCEPTED, WITH_METRIKA
from calls.pages.report_words import NOT_COMPARABLE, NOTHING
from calls.queries.redecision import grouped
from calls.reconciliation.reports import DAYS
from calls.states import Channel, DisplayState
from calls.summary import read
from calls.summary.read import Period
from counters.models import Counter

#: Of these the rows that Metrika accepted are counted; of `PARTLY_ACCEPTED` it does not tell which.
_WHOLLY = frozenset(ACCEPTED) - {DisplayState.PARTLY_ACCEPTED}


@dataclass(frozen=True)
class Standing:
    """A counter, its report, and tone and words of what came out.

    ``sent`` and ``reported`` are calls in the days of the report; None before it was read.
    """

    counter: Counter
    report: MetrikaReport | None
    badge: tuple[str, str]
    sent: int | None = None
    reported: int | None = None

    @property
    def texts(self) -> tuple[str, str]:
        """What was sent and reported, «—» before the report was read."""
        sent, reported = (
            "—" if one is None else grouped(one) for one in (self.sent, self.reported)
        )
        return sent, reported

    @property
    def is_different(self) -> bool:
        """Whether people are told of the difference."""
        return bool(self.report and self.report.is_different)


@dataclass
class _Sums:
    """Rows of calls of one counter in the days of its report; ``goals``: rows sent as goals."""

    sent: int = 0
    goals: int = 0
    accepted: int = 0
    partly: int = 0


def standings_of(counters: Sequence[Counter]) -> list[Standing]:
    """Return how each counter stood; those that differ come first."""
    found = MetrikaReport.objects.filter(counter__in=counters).order_by()
    by_counter = {one.counter_id: one for one in found}
    ours, theirs = _ours(counters, by_counter), _theirs(counters)
    rows = [
        _standing(one, by_counter.get(one.pk), ours.get(one.pk, _Sums()), theirs.get(one.pk, 0))
        for one in counters
    ]
    return sorted(rows, key=lambda row: not row.is_different)


def totals_of(standings: Sequence[Standing]) -> dict[str, str]:
    """Return the calls sent and reported of all counters whose report was read."""
    return {
        "sent": grouped(sum(one.sent or 0 for one in standings)),
        "reported": grouped(sum(one.reported or 0 for one in standings)),
    }


def _standing(
    counter: Counter, report: MetrikaReport | None, ours: _Sums, reported: int
) -> Standing:
    badge = _badge(counter, report, ours, reported)
    if report is None or report.read_at is None:
        return Standing(counter, report, badge)
    return Standing(counter, report, badge, ours.sent, reported)


def most_sent(cabinet: Cabinet, counters: Sequence[Counter]) -> Counter:
    """Return the counter that sent the most rows in the days of a report; of equals the first."""
    today = timezone.localdate()
    period = Period(today - timedelta(days=DAYS - 1), today, timezone.get_current_timezone())
    sums = _sums(cabinet, period, [one.pk for one in counters])
    return max(
        counters,
        key=lambda one: sums[one.pk].sent + sums[one.pk].goals if one.pk in sums else 0,
    )


def _badge(
    counter: Counter, report: MetrikaReport | None, ours: _Sums, reported: int
) -> tuple[str, str]:
    if report is None or report.read_at is None:
        return "neutral", _("отчёта ещё нет")
    if report.error:
        return "warning", _("новый отчёт не прочитан")
    if not report.is_comparable:
        return "neutral", str(NOT_COMPARABLE)
    if report.is_different:
        return "warning", _("расходится")
    if not ours.sent and not reported:
        if ours.goals:
            return "neutral", _("отправляется только цель")
        return "neutral", str(NOTHING) if counter.enabled else _("выключен")
    if report.unexplained:
        count = {"count": number_format(abs(report.unexplained))}
        return "info", _("небольшая разница: %(count)s") % count
    if ours.accepted == reported and not ours.partly:
        return "success", _("сходится")
    return "neutral", _("объяснимо")


def _ours(counters: Sequence[Counter], reports: Mapping[int, MetrikaReport]) -> dict[int, _Sums]:
    """Count the rows in the days of each report; a query for each time zone of the counters."""
    periods: dict[Period, list[int]] = {}
    for one in reports.values():
        if one.first_day and one.last_day:
            period = Period(one.first_day, one.last_day, ZoneInfo(one.time_zone))
            periods.setdefault(period, []).append(one.counter_id)
    sums: dict[int, _Sums] = {}
    for period, numbers in periods.items():
        sums |= _sums(counters[0].cabinet, period, numbers)
    return sums


def _sums(cabinet: Cabinet, period: Period, counters: list[int]) -> dict[int, _Sums]:
    by = ("counter_id", "channel", "shown", "reason")
    sums: dict[int, _Sums] = {}
    rows = read.deliveries(cabinet, period, by=by, counters=counters, sums=("deliveries",))
    for row in rows:
        one, count = sums.setdefault(row["counter_id"], _Sums()), row["deliveries"]
        is_sent = WITH_METRIKA.has(row["shown"], row["reason"])
        if row["channel"] == Channel.GOAL:
            one.goals += count if is_sent else 0
            continue
        if is_sent:
            one.sent += count
        if row["shown"] in _WHOLLY:
            one.accepted += count
        if row["shown"] == DisplayState.PARTLY_ACCEPTED:
            one.partly += count
    return sums


def _theirs(counters: Sequence[Counter]) -> dict[int, int]:
    days = MetrikaReportDay.objects.filter(counter__in=counters).order_by()
    return dict(days.values_list("counter").annotate(Sum("calls")))
