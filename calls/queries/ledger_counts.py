"""Counts the rows of the ledger that pass its filters, by day and state, for its header and chart.

The counts by hour (`calls.summary`) tell them of days, counter, channel, kind and reason, at any
size. With another filter the rows themselves are counted, of the newest days that have few enough.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Exists, Max, Min, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.functions import TruncDate
from django.utils import timezone

from cabinets.models import Cabinet
from calls.models import Call, Delivery, Upload
from calls.queries.candidates import of_states
from calls.queries.display_state import DisplayDelivery
from calls.queries.late import bounds, late_states
from calls.queries.ledger_filters import LATE, SENT, CallFilters, of_calls, passing
from calls.states import DisplayState
from calls.summary import read
from calls.summary.read import Period

#: Days that are counted when none is chosen, and the most that are counted at once.
DAYS, MAX_DAYS = 30, 92
#: Rows that are counted one by one: before the page is shown, and after it.
AT_ONCE, MOST = 3_000, 30_000
#: The same after it of what was sent: the number that leads here counts all of it.
MOST_SENT = 200_000
#: The same by forecast, which takes seconds for the others.
FORECAST_AT_ONCE, FORECAST_MOST = 500, 10_000
#: States of rows that Metrika does not have.
_NEVER_SENT = (
    *(DisplayState.WAITING, DisplayState.HELD, DisplayState.NOT_FINISHED),
    *(DisplayState.SKIPPED, DisplayState.EXPIRED),
)
#: `partition_at` of a call is its first known start; a correction moves it no further.
_CORRECTED_BY = timedelta(days=3)

# The row without a day has the calls.
_COUNT = """
WITH passed AS MATERIALIZED ({passed})
SELECT * FROM (SELECT day, display_state, count(*) FROM passed GROUP BY day, display_state) AS rows
UNION ALL
SELECT NULL, NULL, count(DISTINCT call_id) FROM passed WHERE display_state = ANY (%s)"""


@dataclass(frozen=True)
class LedgerCounts:
    """The rows that pass every filter but that of the state, by day and state."""

    filters: CallFilters
    period: Period
    rows: Tally[tuple[date, str]]
    #: Calls of the rows in the chosen states; None when they are too many to count.
    calls: int | None
    #: Whether the chosen days begin before the period: their other rows were too many.
    is_cut: bool = False

    @property
    def chosen(self) -> Tally[tuple[date, str]]:
        """The rows in the chosen states: those that pass all filters."""
        states = self.filters.states
        return Tally(
            {key: count for key, count in self.rows.items() if not states or key[1] in states}
        )


def counts_of(
    cabinet: Cabinet, filters: CallFilters, *, is_asked: bool, now: datetime
) -> LedgerCounts | None:
    """Return the counts; None when there are too many and they were not asked for.

    Without a first day the last DAYS are counted, but all days of a search, of an upload and of
    what is sent.
    """
    if filters.upload and not is_asked and _is_larger(filters.upload, most_counted(filters)):
        return None
    period = _period(cabinet, filters)
    if period is None or filters.without_counter:
        return LedgerCounts(filters, period or _days(timezone.localdate()), Tally(), 0)
    if filters.call_ids is not None or filters.upload:
        return _counted_rows(cabinet, filters, period, now=now)
    if len(period.days) > MAX_DAYS and not is_asked:
        return None
    found = _by_hours(cabinet, filters, period, now=now)
    if not filters.needs_rows:
        every = sum(one["deliveries"] for one in found)
        rows = _summed(found, filters)
        calls = _calls(cabinet, filters, period, now) if every <= AT_ONCE else None
        return LedgerCounts(filters, period, rows, calls)
    newest = _newest_days(period, _summed(found, filters), most_counted(filters, is_asked=is_asked))
    if newest != period and not is_asked:
        return None
    return _counted_rows(cabinet, filters, newest, now=now, is_cut=newest != period)


def most_counted(filters: CallFilters, *, is_asked: bool = False) -> int:
    """Return how many rows are counted one by one."""
    if filters.forecast:
        return FORECAST_AT_ONCE if not is_asked else FORECAST_MOST
    if not is_asked:
        return AT_ONCE
    return MOST_SENT if filters.stage == SENT and filters.counter else MOST


def _period(cabinet: Cabinet, filters: CallFilters) -> Period | None:
    """Return the days that are counted; None when there are none up to today."""
    first, last = filters.first_day, min(filters.last_day or date.max, timezone.localdate())
    if not (first and filters.last_day) and (filters.call_ids is not None or filters.upload):
        found = _days_of_few(cabinet, filters)
        if found is None:
            return None
        first, last = first or found[0], min(filters.last_day or found[1], found[1])
    # At the beginning of the calendar there are no days to count back to; no call is near.
    if last - date.min < timedelta(days=MAX_DAYS):
        return None
    if first is None and filters.stage == SENT:
        first = date.min  # as the numbers that lead here, which are of all time
    first = first or _days(last).first
    if last - first >= timedelta(days=MAX_DAYS):
        first = max(first, _earliest_day(cabinet) or last)
    return Period(first, last, timezone.get_current_timezone()) if first <= last else None


def _days(last: date) -> Period:
    return Period(last - timedelta(days=DAYS - 1), last, timezone.get_current_timezone())


def _is_larger(upload: int, most: int) -> bool:
    """Whether the file was made of more rows; all that it still has are counted then."""
    return Upload.objects.filter(pk=upload, rows__gt=most).exists()


def _days_of_few(cabinet: Cabinet, filters: CallFilters) -> tuple[date, date] | None:
    """Return the first and the last day of the upload's rows, or else of the found calls."""
    found: QuerySet[Any] = Call.objects.filter(cabinet=cabinet, pk__in=filters.call_ids or [])
    if filters.upload:
        found = Delivery.objects.filter(upload_id=filters.upload)
    ends = found.aggregate(first=Min("partition_at"), last=Max("partition_at"))
    if ends["first"] is None:
        return None
    return timezone.localtime(ends["first"]).date(), timezone.localtime(ends["last"]).date()


def _earliest_day(cabinet: Cabinet) -> date | None:
    """Return a day before which no call of the cabinet began; None without calls."""
    calls = Call.objects.filter(cabinet=cabinet).order_by("started_at")
    at = calls.values_list("started_at", flat=True).first()
    return timezone.localtime(at - _CORRECTED_BY).date() if at else None


def _by_hours(
    cabinet: Cabinet, filters: CallFilters, period: Period, *, now: datetime
) -> list[dict[str, Any]]:
    # By as few columns as the filters ask: a large cabinet has thousands of their combinations.
    asked = [name for name in ("kind", "reason") if getattr(filters, name)]
    return read.deliveries(
        cabinet,
        period,
        by=("day", "shown", *asked),
        counters=[filters.counter] if filters.counter else None,
        channel=filters.channel,
        sums=("deliveries",),
        now=now,
    )


def _summed(found: Iterable[Mapping[str, Any]], filters: CallFilters) -> Tally[tuple[date, str]]:
    """Return the rows of the kind, the reason and the states of the stage, by day and state."""
    counts: Tally[tuple[date, str]] = Tally()
    states = late_states()
    for one in found:
        if (
            (not filters.kind or one["kind"] == filters.kind)
            and (not filters.reason or one["reason"] == filters.reason)
            and (filters.stage != LATE or one["shown"] in states)
            and (filters.stage != SENT or one["shown"] not in _NEVER_SENT)
        ):
            counts[one["day"], one["shown"]] += one["deliveries"]
    return counts


def _newest_days(period: Period, rows: Tally[tuple[date, str]], most: int) -> Period:
    """Return the newest days that have up to ``most`` of the rows, one day at least."""
    by_day: Tally[date] = Tally()
    for (day, _state), count in rows.items():
        by_day[day] += count
    first, total = period.last, 0
    for day in reversed(period.days):
        total += by_day[day]
        if total > most:
            break
        first = day
    return replace(period, first=first)


def _counted_rows(
    cabinet: Cabinet, filters: CallFilters, period: Period, *, now: datetime, is_cut: bool = False
) -> LedgerCounts:
    """Count the rows and their calls one by one, in one query: some filters take long for a row."""
    rows = _rows(cabinet, replace(filters, state=""), period, now).order_by()
    passed = rows.annotate(day=TruncDate("partition_at", tzinfo=period.zone))
    sql, values = passed.values("day", "display_state", "call_id").query.sql_with_params()
    states = [*filters.states] or DisplayState.values
    with connection.cursor() as cursor:
        cursor.execute(_COUNT.format(passed=sql), [*values, states])
        counted = {(day, state): count for day, state, count in cursor.fetchall()}
    calls = counted.pop((None, None))
    return LedgerCounts(filters, period, Tally(counted), calls, is_cut)


def _calls(cabinet: Cabinet, filters: CallFilters, period: Period, now: datetime) -> int:
    """Return of how many calls the rows are that pass."""
    return _rows(cabinet, filters, period, now).values("call_id").distinct().count()


def _rows(
    cabinet: Cabinet, filters: CallFilters, period: Period, now: datetime
) -> QuerySet[DisplayDelivery]:
    """Return the rows of the period that pass all filters."""
    every = [filters.counter] if filters.counter else cabinet.counters.values_list("pk", flat=True)
    counters = list(every)
    # An upload is of one counter; by both the index of the counter's days might be read.
    of_these = Q(upload_id=filters.upload) if filters.upload else Q(counter_id__in=counters)
    rows = Delivery.objects.filter(
        of_these, partition_at__gte=period.start, partition_at__lt=period.end
    )
    if filters.call_ids is not None:
        # One parameter: many take longer to parse than to find.
        rows = rows.filter(call_id__in=RawSQL("SELECT unnest(%s::bigint[])", [filters.call_ids]))
    if filters.stage == LATE:
        # Only these are read: by the indexes of rows and of files that wait.
        scope = Q(counter_id__in=counters)
        since = timezone.localtime(bounds(now)[0]).date()
        rows = rows.filter(of_states(scope, late_states(), since=since, now=now).condition)
    if filters.is_of_calls:
        of_row = Call.objects.filter(pk=OuterRef("call_id"), partition_at=OuterRef("partition_at"))
        rows = rows.filter(Exists(of_row.filter(of_calls(filters))))
    return passing(rows, filters, now)
