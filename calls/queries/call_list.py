"""All calls of a cabinet, newest first, also those that concern no counter.

A constant number of queries a page, of bounded size: calls without a counter are looked for among
the next `SCANNED` calls only, because in a large cabinet there may be none for a long time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from django.db import connection
from django.db.models import Q, QuerySet

from cabinets.models import Cabinet
from calls.decision.reason import Rule
from calls.decision.routing import nearest_rules
from calls.models import Call, Delivery
from calls.queries.display_state import DisplayDelivery, with_display_state
from calls.queries.history import in_days

PAGE_SIZE = 50
#: So many calls are looked through for a page of those without a counter.
SCANNED = 2000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class CallFilters:
    """The filters of the list; days are in the current time zone."""

    first_day: date | None = None
    last_day: date | None = None
    #: Only calls that have no row for any counter.
    without_counter: bool = False
    #: Calls found by the search; None without a search.
    call_ids: list[int] | None = None


@dataclass(frozen=True)
class ListedCall:
    """A call with its deliveries; without any, the rule of routing that it came nearest to passing.

    ``has_counters``: whether its cabinet has counters at all.
    """

    call: Call
    deliveries: list[DisplayDelivery]
    nearest_rule: Rule | None = None
    has_counters: bool = True


@dataclass(frozen=True)
class CallPage:
    """Up to PAGE_SIZE calls, and the cursor of the next page; that may be of an empty page."""

    calls: list[ListedCall] = field(default_factory=list)
    next_cursor: str = ""


def page_of(cabinet: Cabinet, filters: CallFilters, *, cursor: str, now: datetime) -> CallPage:
    """Return one page in at most five queries. An invalid cursor gives the first page."""
    calls = _after(_filtered(cabinet, filters), cursor)
    if filters.without_counter:
        found, next_cursor = _without_counter(calls)
    else:
        found = list(calls[: PAGE_SIZE + 1])
        next_cursor = _cursor(found[PAGE_SIZE - 1]) if len(found) > PAGE_SIZE else ""
    return CallPage(_listed(found[:PAGE_SIZE], now), next_cursor)


def _filtered(cabinet: Cabinet, filters: CallFilters) -> QuerySet[Call]:
    calls = Call.objects.filter(cabinet=cabinet).defer("raw", "page_url")
    calls = calls.filter(in_days("started_at", filters.first_day, filters.last_day))
    if filters.call_ids is not None:
        calls = calls.filter(pk__in=filters.call_ids)
    return calls.order_by("-started_at", "-pk")


def _without_counter(calls: QuerySet[Call]) -> tuple[list[Call], str]:
    """Return up to PAGE_SIZE + 1 calls without rows, and the cursor of the next page."""
    columns = ("id", "partition_at", "started_at")
    scanned, values = calls.values(*columns)[:SCANNED].query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            # Call by call in their order, up to a whole page: NOT EXISTS may read all rows first.
            f"SELECT id FROM ({scanned}) AS latest LEFT JOIN LATERAL (SELECT true AS is_there"
            " FROM calls_delivery d WHERE d.call_id = latest.id"
            " AND d.partition_at = latest.partition_at LIMIT 1) AS delivery ON true"
            " WHERE delivery.is_there IS NULL"
            f" ORDER BY latest.started_at DESC, latest.id DESC LIMIT {PAGE_SIZE + 1}",
            values,
        )
        ids = [row[0] for row in cursor.fetchall()]
    found = list(calls.filter(pk__in=ids)) if ids else []
    if len(found) > PAGE_SIZE:
        return found, _cursor(found[PAGE_SIZE - 1])
    last = calls.only("started_at")[SCANNED - 1 : SCANNED].first()
    return found, _cursor(last) if last else ""


def _listed(calls: Sequence[Call], now: datetime) -> list[ListedCall]:
    if not calls:
        return []
    rows = _deliveries(calls, now)
    alone = [call.pk for call in calls if call.pk not in rows]
    nearest = nearest_rules(alone) if alone else {}
    return [
        ListedCall(call, rows.get(call.pk, []), nearest.get(call.pk), call.pk in {*rows, *nearest})
        for call in calls
    ]


def _deliveries(calls: Sequence[Call], now: datetime) -> dict[int, list[DisplayDelivery]]:
    months = [call.partition_at for call in calls]
    rows = Delivery.objects.filter(
        call_id__in=[call.pk for call in calls], partition_at__range=(min(months), max(months))
    )
    by_call: dict[int, list[DisplayDelivery]] = defaultdict(list)
    shown = with_display_state(rows, now).select_related("counter")
    for row in shown.order_by("call_id", "counter__name", "counter_id", "channel"):
        by_call[row.call_id].append(row)
    return dict(by_call)


def _cursor(call: Call) -> str:
    return f"{(call.started_at - _EPOCH) // timedelta(microseconds=1)}.{call.pk}"


def _after(calls: QuerySet[Call], cursor: str) -> QuerySet[Call]:
    try:
        microseconds, call_id = map(int, cursor.split("."))
        at = _EPOCH + timedelta(microseconds=microseconds)
    except (ValueError, OverflowError):
        return calls
    return calls.filter(Q(started_at__lt=at) | Q(pk__lt=call_id), started_at__lte=at)
