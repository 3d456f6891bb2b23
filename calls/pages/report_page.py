"""The comparison of a counter with Metrika's reports, as its page and its download show it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from calls.models import MetrikaReport, MetrikaReportDay
from calls.models.reports import zone_of
from calls.pages import report_words as words
from calls.pages.funnel_steps import ACCEPTED, TO_SEND, WITH_METRIKA, Rows
from calls.pages.number_table import ledger_url
from calls.pages.report_day import DayLine
from calls.reconciliation.by_logs import ProvedDay, proved_days, with_logs
from calls.reconciliation.own_side import OwnDay, Period, own_days, own_total
from calls.reconciliation.verdict import Cause, counted_in, is_notable, judge
from calls.states import Channel
from calls.summary.read import Period as LedgerPeriod
from counters.models import Counter


@dataclass(frozen=True)
class Comparison:
    """One channel of a counter over a period."""

    channel: Channel
    lines: list[DayLine]
    #: The sums of the days that are comparable; None without any.
    total: DayLine | None
    sentence: str
    tone: str


def comparison_of(
    counter: Counter,
    report: MetrikaReport | None,
    channel: Channel,
    *,
    days: tuple[date, date],
) -> Comparison:
    """Compare the days from one to another in the counter's time zone.

    Load the counter with its goals. Six queries, eight of a goal.
    """
    first, last = days
    zone = (report and report.time_zone) or zone_of(counter)
    read_at = report.read_at if report else None
    period = Period(first, last, zone, read_at)
    own = own_days(counter, channel, period)
    reported = _reported(counter, channel, period) if read_at else {}
    proved = proved_days(counter, channel, period)
    lines = []
    for day in (last - timedelta(days=back) for back in range((last - first).days + 1)):
        by_logs = proved.get(day, ProvedDay())
        of_day = with_logs(own.get(day, OwnDay(day)), by_logs)
        line = _line(counter, report, channel, of_day, reported.get(day))
        lines.append(replace(line, proved=by_logs))
    comparable = [one for one in lines if one.reported is not None]
    if not comparable:
        return Comparison(channel, lines, None, "", "info")
    total = _total(counter, channel, period, comparable)
    newest = comparable[0].own.day
    ledger = _ledger_urls(counter, channel, total, newest) if _is_whole(comparable) else {}
    return _compared(channel, lines, comparable, total, ledger)


def channels_of(counter: Counter) -> list[Channel]:
    """Return the channels that the counter uses."""
    used = ((Channel.CALLS, counter.send_calls), (Channel.GOAL, counter.goal_id is not None))
    return [channel for channel, is_used in used if is_used]


def csv_rows(comparison: Comparison) -> Iterator[list[str]]:
    """Yield the rows of the download, newest day first."""
    for line in comparison.lines:
        own = line.own
        counts = map(str, (own.received, own.to_send, own.sent))
        yield [
            own.day.isoformat(),
            *counts,
            line.accepted,
            line.linked,
            line.reported_text,
            line.difference,
            line.badge[1],
            "; ".join(line.causes),
        ]


def _total(counter: Counter, channel: Channel, period: Period, comparable: list[DayLine]) -> OwnDay:
    """Return the sum of the comparable days; as a whole if there is no gap between them."""
    first, last = comparable[-1].own.day, comparable[0].own.day
    if _is_whole(comparable):
        return own_total(counter, channel, replace(period, first=first, last=last))
    return sum((one.own for one in comparable), OwnDay(first))


def _is_whole(comparable: list[DayLine]) -> bool:
    first, last = comparable[-1].own.day, comparable[0].own.day
    return (last - first).days + 1 == len(comparable)


def _compared(
    channel: Channel,
    lines: list[DayLine],
    comparable: list[DayLine],
    own: OwnDay,
    ledger: Mapping[str, str],
) -> Comparison:
    reported = sum(one.reported or 0 for one in comparable)
    proved = sum((one.proved for one in comparable), ProvedDay())
    own = with_logs(own, proved)
    counted = counted_in(own, reported, channel)
    lines = [_judged_anew(one, channel, counted) for one in lines]
    comparable = [one for one in lines if one.verdict]
    verdict = judge(own, reported, channel, counted).within(one.verdict for one in comparable)
    notable = is_notable(verdict.unexplained, own.sent)
    total = DayLine(own, "", reported, verdict, is_notable=notable, ledger=ledger, proved=proved)
    if total.is_empty:
        nothing = _("За эти дни ничего не отправлено, и в отчёте пусто: сравнивать нечего.")
        return Comparison(channel, lines, total, nothing, "info")
    sentence = words.period_sentence(verdict, reported, total.accepted, channel, is_notable=notable)
    sentence = f"{sentence} {words.evidence_sentence(counted)}".rstrip()
    tone = "warning" if notable else ("success" if verdict.agrees else "info")
    return Comparison(channel, lines, total, sentence, tone)


def _judged_anew(line: DayLine, channel: Channel, counted: Collection[Cause]) -> DayLine:
    """Return the day judged by what the whole period shows to be in the report."""
    if line.reported is None or not counted:
        return line
    return replace(line, verdict=judge(line.own, line.reported, channel, counted))


def _line(
    counter: Counter,
    report: MetrikaReport | None,
    channel: Channel,
    own: OwnDay,
    reported: Mapping[str, int] | None,
) -> DayLine:
    problem = _problem(counter, report, channel, own)
    url = _history_url(counter, channel, own.day)
    ledger = _ledger_urls(counter, channel, own, own.day)
    if problem:
        return DayLine(own, url, None, None, problem, ledger=ledger)
    count = sum((reported or {}).values())
    return DayLine(own, url, count, judge(own, count, channel), ledger=ledger)


def _problem(
    counter: Counter,
    report: MetrikaReport | None,
    channel: Channel,
    own: OwnDay,
) -> str | Promise:
    """Return why the day is not comparable; '' when it is."""
    if report is None or not report.covers(own.day):
        is_earlier = report and report.first_day and own.day < report.first_day
        return words.EARLIER if is_earlier else words.NO_REPORT
    if report.is_sampled:
        return words.SAMPLED
    if report.is_cut:
        return words.CUT
    if channel == Channel.CALLS:
        return ""
    if set(_goal_ids(counter)) - {str(goal) for goal in report.goals}:
        return words.NO_GOAL
    return words.OTHER_GOAL if own.other_goal else ""


def _reported(counter: Counter, channel: Channel, period: Period) -> dict[date, dict[str, int]]:
    """Return what the report says of each day that it has: counts that are to be added."""
    rows = MetrikaReportDay.objects.filter(counter=counter, day__range=(period.first, period.last))
    if channel == Channel.CALLS:
        return {one.day: {"calls": one.calls} for one in rows}
    chosen = set(_goal_ids(counter))
    return {
        one.day: {goal: one.reaches[goal] for goal in chosen if goal in one.reaches} for one in rows
    }


def _goal_ids(counter: Counter) -> Iterable[str]:
    return (str(one.goal_id) for one in (counter.goal, counter.callback_goal) if one)


def _history_url(counter: Counter, channel: Channel, day: date) -> str:
    url = reverse("calls:history", args=[counter.pk])
    values = {"q": "", "channel": channel.value, "date_from": day, "date_to": day}
    return f"{url}?{urlencode(values)}"


def _ledger_urls(counter: Counter, channel: Channel, own: OwnDay, last: date) -> dict[str, str]:
    """Return the ledger with the rows of each number, from the day of ``own`` on.

    None when its days are not the counter's. Of the accepted ones it has all rows of their files:
    which of them Metrika took, it does not tell.
    """
    zone = counter.cabinet.time_zone
    if zone != zone_of(counter):
        return {}
    period = LedgerPeriod(own.day, last, ZoneInfo(zone))
    counts = {
        "to_send": (own.to_send, Rows(TO_SEND)),
        "sent": (own.sent, WITH_METRIKA),
        "accepted": (own.accepted_high, Rows(ACCEPTED)),
    }
    urls = {
        name: rows.url(period, counter, channel=channel.value)
        for name, (number, rows) in counts.items()
        if number
    }
    every = ledger_url(period, counter=counter.pk, channel=channel.value)
    return urls | ({"received": every} if own.received else {})
