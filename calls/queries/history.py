"""A counter's history: its calls, newest first, filtered and paginated by a cursor.

The filters choose deliveries; a call is listed when one of its deliveries passes them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import (
    BooleanField,
    Case,
    DateTimeField,
    ExpressionWrapper,
    F,
    OrderBy,
    Q,
    QuerySet,
    Value,
    When,
)
from django.utils import timezone

from calls.models import Delivery
from calls.queries import candidates
from calls.queries.candidates import Candidates
from calls.queries.display_state import DisplayDelivery, with_display_state
from calls.queries.gathering import add_gathering
from calls.queries.history_rows import HistoryRow, every_channel, rows_of
from calls.states import Channel
from counters.models import Counter

#: Calls of a page.
PAGE_SIZE = 50
#: So many rows of files most likely hold a page, although some have a state of their own.
ENOUGH = 4 * PAGE_SIZE * len(Channel)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: The ends of the calendar of Python, less a day for time zones.
_FIRST_DAY, _LAST_DAY = date.min + timedelta(days=1), date.max - timedelta(days=1)


@dataclass(frozen=True)
class Filters:
    """The filters of the history; days are in the current time zone."""

    state: str = ""
    reason: str = ""
    channel: int | None = None
    first_day: date | None = None
    last_day: date | None = None
    #: Calls found by the search; None without a search.
    call_ids: list[int] | None = None


@dataclass(frozen=True)
class Page:
    """Up to PAGE_SIZE calls with their deliveries and uploads, and the cursor of the next page."""

    rows: list[HistoryRow]
    next_cursor: str


def page_of(counter: Counter, filters: Filters, *, cursor: str, now: datetime) -> Page:
    """Return one page in at most eleven queries, five of them without a filter by state or reason.

    A call has its deliveries of the chosen channel, or of all, whatever state or reason is chosen.
    An invalid cursor gives the first page.
    """
    found = _first_rows(counter, filters, cursor, now)
    calls = list(dict.fromkeys(one.call_id for one in found))
    shown = [one for one in found if one.call_id in {*calls[:PAGE_SIZE]}]
    next_cursor = _cursor(shown[-1]) if len(calls) > PAGE_SIZE else ""
    if filters.channel is None and (filters.state or filters.reason):
        shown = every_channel(shown, now=now)
    add_gathering(shown, now=now)
    return Page(rows_of(shown), next_cursor)


def filtered(counter: Counter, filters: Filters, *, now: datetime) -> QuerySet[DisplayDelivery]:
    """Return the counter's deliveries that pass the filters, annotated with their display state."""
    return _found(counter, filters, now).deliveries


def of_every_state(counter: Counter, filters: Filters, *, now: datetime) -> QuerySet[Delivery]:
    """Return the deliveries that pass the filters, the one by state left out.

    For counting: without a filter by reason they are not joined with their uploads.
    """
    filters = replace(filters, state="")
    if filters.reason:
        return filtered(counter, filters, now=now)
    return _filtered(Delivery.objects.filter(counter=counter), filters)


@dataclass(frozen=True)
class _Found:
    """Deliveries that pass filters, and an ORDER BY of newest call first that is fast for them."""

    deliveries: QuerySet[DisplayDelivery]
    order: tuple[str | OrderBy, ...]


#: The order of the index delivery_by_counter: the first rows are found without reading the others.
_ORDER = ("-partition_at", "-call_id", "channel")
#: The same order by an expression, which no index has: all rows are read and sorted. PostgreSQL
#: overestimates what is rare and would look for it in the whole ledger of the counter.
_SORTED = (
    ExpressionWrapper(F("partition_at") + timedelta(0), output_field=DateTimeField()).desc(),
    "-call_id",
    "channel",
)


def _found(counter: Counter, filters: Filters, now: datetime) -> _Found:
    likely = _candidates(counter, filters, now)
    deliveries = _deliveries(counter, filters, likely.condition if likely else Q(), now)
    return _Found(deliveries, _order(likely))


def _order(likely: Candidates | None) -> tuple[str | OrderBy, ...]:
    return _SORTED if likely is not None and likely.is_few else _ORDER


def _deliveries(
    counter: Counter, filters: Filters, likely: Q, now: datetime
) -> QuerySet[DisplayDelivery]:
    rows = with_display_state(Delivery.objects.filter(counter=counter), now)
    return _filtered(rows.filter(likely), filters)


def _first_rows(
    counter: Counter, filters: Filters, cursor: str, now: datetime
) -> list[DisplayDelivery]:
    """Return the rows of the calls of a page and one more row, if there is one.

    They are looked for in the latest files first. A whole page of them is the page: older rows come
    after it.
    """
    likely, place = _candidates(counter, filters, now), _place(cursor)
    # A call has a row for each channel at most, and those of a call are next to each other.
    most = PAGE_SIZE * len(Channel) + 1

    def first(condition: Q) -> list[DisplayDelivery]:
        found = _after(_deliveries(counter, filters, condition, now), place)
        return list(found.select_related("upload").order_by(*_order(likely))[:most])

    latest = likely.latest(place[0] if place else None, ENOUGH) if likely else None
    rows = first(latest) if latest is not None else []
    if len({one.call_id for one in rows}) > PAGE_SIZE:
        return rows
    return first(likely.condition if likely else Q())


def _candidates(counter: Counter, filters: Filters, now: datetime) -> Candidates | None:
    since, scope = filters.first_day, Q(counter=counter)
    found = None
    if filters.state:
        found = candidates.of_state(scope, filters.state, since=since, now=now)
    if filters.reason:
        of_reason = candidates.of_reason(scope, filters.reason, since=since)
        found = of_reason if found is None else found & of_reason
    return found


def _filtered(deliveries: QuerySet[Any], filters: Filters) -> QuerySet[Any]:
    deliveries = deliveries.filter(in_days("partition_at", filters.first_day, filters.last_day))
    if filters.state:
        deliveries = deliveries.filter(_holds(display_state=filters.state))
    if filters.reason:
        deliveries = deliveries.filter(_holds(why=filters.reason))
    if filters.channel is not None:
        deliveries = deliveries.filter(channel=filters.channel)
    if filters.call_ids is not None:
        deliveries = deliveries.filter(call_id__in=filters.call_ids)
    return deliveries


def _holds(**equal: str) -> Case:
    """Return the condition that a computed column has this value.

    PostgreSQL expects half of the rows to fulfil a CASE, and one in 200 to be equal to one: it
    would read and sort all rows for a page of a state that most of them are in. What is rare is
    limited by its candidates.
    """
    is_equal = When(**equal, then=Value(True))
    return Case(is_equal, default=Value(False), output_field=BooleanField())


def last_day_of(counter: Counter, filters: Filters, *, now: datetime) -> date | None:
    """Return the day of the latest row that passes the filters; None when none does."""
    found = _found(counter, filters, now)
    latest = found.deliveries.order_by(*found.order).values_list("partition_at", flat=True).first()
    return timezone.localtime(latest).date() if latest else None


def has_more_than(most: int, counter: Counter, filters: Filters, *, now: datetime) -> bool:
    """Whether more than ``most`` rows pass the filters; no further ones are counted."""
    return is_longer_than(most, filtered(counter, filters, now=now))


def is_longer_than(most: int, deliveries: QuerySet[Any]) -> bool:
    """Whether these are more than ``most`` rows; no further ones are counted."""
    return deliveries.order_by()[: most + 1].count() > most


#: What each part of the filters is without a choice.
_LIFTED: dict[str, dict[str, Any]] = {
    "state": {"state": ""},
    "reason": {"reason": ""},
    "channel": {"channel": None},
    "period": {"first_day": None, "last_day": None},
    "search": {"call_ids": None},
}


def hiding(counter: Counter, filters: Filters, *, now: datetime) -> list[str]:
    """Return which parts of the filters hide rows: without that one alone there are some.

    The parts are state, reason, channel, period and search; one short query each. When only all of
    them together hide the rows, `["all"]`; when there are none at all, `[]`.
    """

    def has_rows(chosen: Filters) -> bool:
        found = _found(counter, chosen, now)
        return bool(found.deliveries.order_by(*found.order).values_list("call_id")[:1])

    lifted = {part: replace(filters, **values) for part, values in _LIFTED.items()}
    found = [part for part, less in lifted.items() if less != filters and has_rows(less)]
    return found or (["all"] if filters != Filters() and has_rows(Filters()) else [])


def in_days(column: str, first: date | None, last: date | None) -> Q:
    """Return the condition that the moment lies in these days of the current time zone."""
    since, until = ends_of_days(first, last)
    days = Q()
    if since is not None:
        days &= Q(**{f"{column}__gte": since})
    if until is not None:
        days &= Q(**{f"{column}__lt": until})
    return days


def ends_of_days(first: date | None, last: date | None) -> tuple[datetime | None, datetime | None]:
    """Return the first moment of these days, and the first one after them; None without an end."""
    # At either end of the calendar a time zone would lead out of it; no call is near.
    since = _midnight(first) if first is not None and first > _FIRST_DAY else None
    has_end = last is not None and last < _LAST_DAY
    return since, _midnight(last + timedelta(days=1)) if last is not None and has_end else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


def _cursor(row: Delivery) -> str:
    microseconds = (row.partition_at - _EPOCH) // timedelta(microseconds=1)
    return f"{microseconds}.{row.call_id}"


def _place(cursor: str) -> tuple[datetime, int] | None:
    """Return partition_at and the id of the call of a cursor; None when it is invalid."""
    try:
        microseconds, call_id = map(int, cursor.split("."))
        return _EPOCH + timedelta(microseconds=microseconds), call_id
    except (ValueError, OverflowError):
        return None


def _after(
    deliveries: QuerySet[DisplayDelivery], place: tuple[datetime, int] | None
) -> QuerySet[DisplayDelivery]:
    if place is None:
        return deliveries
    at, call_id = place
    return deliveries.filter(Q(partition_at__lt=at) | Q(call_id__lt=call_id), partition_at__lte=at)
