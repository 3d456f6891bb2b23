"""The ledger of a cabinet: its calls, newest first, with their rows over all counters.

Calls that concern no counter are listed with the reason. A constant number of queries a page, each
of bounded size (`calls.queries.ledger_walk`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import QuerySet

from cabinets.models import Cabinet
from calls.decision.reason import Rule
from calls.decision.routing import nearest_rules
from calls.forecast import Forecast
from calls.forecast import of as forecasts_of
from calls.forecast.expression import those_with_forecast
from calls.models import Call, Delivery
from calls.queries.display_state import DisplayDelivery, with_display_state
from calls.queries.ledger_filters import CallFilters, passing
from calls.queries.ledger_walk import Place, next_calls
from calls.queries.link_proofs import Link, link_of
from calls.states import DisplayState

PAGE_SIZE = 30


@dataclass(frozen=True)
class ListedCall:
    """A call with its deliveries; without any, the rule of routing that it came nearest to passing.

    Deliveries that pass the filters come first, skipped ones last. ``has_counters``: whether its
    cabinet has counters at all.
    """

    call: Call
    deliveries: list[DisplayDelivery]
    #: What is known of each delivery's link to a visit, by its id.
    links: dict[int, Link] = field(default_factory=dict)
    #: The forecast of the link of each delivery that has one, by its id.
    forecasts: dict[int, Forecast] = field(default_factory=dict)
    nearest_rule: Rule | None = None
    has_counters: bool = True
    #: How many of the deliveries pass the filters of rows; 0 without such filters.
    passing: int = 0

    def shown(self, most: int) -> list[DisplayDelivery]:
        """Return the deliveries that are shown in a list: of those that pass up to ``most``."""
        return self.deliveries[: min(most, self.passing or most)]


@dataclass(frozen=True)
class _Known:
    """Of deliveries by their ids: what is known of the link, its forecast, and which pass."""

    links: dict[int, Link]
    forecasts: dict[int, Forecast]
    passing: Collection[int]


@dataclass(frozen=True)
class CallPage:
    """Up to PAGE_SIZE calls, and the cursor of the next page; that may be of an empty page."""

    calls: list[ListedCall] = field(default_factory=list)
    next_cursor: str = ""


def page_of(cabinet: Cabinet, filters: CallFilters, *, cursor: str, now: datetime) -> CallPage:
    """Return one page in at most fourteen queries. An invalid cursor gives the first page."""
    found = next_calls(cabinet, filters, Place.of(cursor), most=PAGE_SIZE, now=now)
    calls = _calls(found.places)
    return CallPage(_listed(calls, filters, now), found.next.cursor if found.next else "")


def _calls(places: Sequence[Place]) -> list[Call]:
    """Return the calls in the order of their places."""
    if not places:
        return []
    months = [one.month for one in places if one.month is not None]
    found = Call.objects.select_related("source").defer("raw", "page_url")
    calls = found.filter(partition_at__range=(min(months), max(months))).in_bulk(
        [one.call_id for one in places]
    )
    return [calls[one.call_id] for one in places]


def _listed(calls: Sequence[Call], filters: CallFilters, now: datetime) -> list[ListedCall]:
    if not calls:
        return []
    rows, known = _deliveries(calls, filters, now)
    alone = [call.pk for call in calls if call.pk not in rows]
    nearest = nearest_rules(alone) if alone else {}
    return [
        ListedCall(
            call,
            rows.get(call.pk, []),
            known.links,
            known.forecasts,
            nearest.get(call.pk),
            call.pk in {*rows, *nearest},
            sum(row.pk in known.passing for row in rows.get(call.pk, [])),
        )
        for call in calls
    ]


def _deliveries(
    calls: Sequence[Call], filters: CallFilters, now: datetime
) -> tuple[dict[int, list[DisplayDelivery]], _Known]:
    months = [call.partition_at for call in calls]
    rows = Delivery.objects.filter(
        call_id__in=[call.pk for call in calls], partition_at__range=(min(months), max(months))
    )
    by_id = {call.pk: call for call in calls}
    by_call: dict[int, list[DisplayDelivery]] = defaultdict(list)
    shown = with_display_state(rows, now).select_related(
        "upload", "counter__account", "counter__goal"
    )
    for row in shown.defer("counter__account__access_token", "counter__account__refresh_token"):
        row.call = by_id[row.call_id]
        by_call[row.call_id].append(row)
    every = [row for of_call in by_call.values() for row in of_call]
    first = _passing(rows, filters, now)
    known = _Known(link_of(every), forecasts_of(those_with_forecast(every), now=now), first)
    for of_call in by_call.values():
        of_call.sort(key=lambda one: (one.pk not in first, *_order(one)))
    return dict(by_call), known


def _order(row: DisplayDelivery) -> tuple[bool, str, int, int]:
    """Return its place among the rows of its call: what is not sent comes last."""
    is_skipped = row.display_state == DisplayState.SKIPPED
    return is_skipped, row.counter.name, row.counter_id, row.channel


def _passing(rows: QuerySet[Delivery], filters: CallFilters, now: datetime) -> Collection[int]:
    """Return the ids of the rows that pass the filters of rows; none when there are no such."""
    if not filters.is_of_rows:
        return frozenset()
    return frozenset(passing(rows, filters, now).values_list("pk", flat=True))
