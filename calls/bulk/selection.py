"""The rows of an action: those that a filter of the history shows and the action can change.

What is counted before an action, what it goes through and what it is undone for are the rows of
`Selection.rows`, so that these never differ in anything but what changed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils import timezone

from calls.delivery.hold_many import Key
from calls.models import BulkAction, CallKey, Delivery
from calls.models.querysets import DeliveryQuerySet
from calls.queries.history import Filters, filtered
from counters.models import Counter

#: The order of the index delivery_by_counter.
ORDER = ("-partition_at", "-call_id", "channel")


@dataclass(frozen=True)
class Selection:
    """A filter of a counter's history as a person saw it; None for an action that is undone.

    ``seen_at``: when; states that depend on the time are those of that moment. ``last_call``:
    calls that came later are left out. ``zone`` is the time zone of the filter's days.
    """

    counter: Counter
    filters: Filters | None
    seen_at: datetime
    last_call: int
    zone: str

    def rows(self, condition: Q) -> DeliveryQuerySet[Delivery]:
        """Return the rows of the filter that fulfil the condition, in no order."""
        found: Any = Delivery.objects.filter(counter=self.counter)
        if self.filters is not None:
            with timezone.override(ZoneInfo(self.zone)):
                found = filtered(self.counter, self.filters, now=self.seen_at)
        rows: DeliveryQuerySet[Delivery] = found.filter(condition, call_id__lte=self.last_call)
        return rows

    def keys(self, condition: Q, *, after: Key | None, most: int) -> list[Key]:
        """Return the keys of the next rows, from the newest call to the oldest."""
        rows = self.page(condition, after=after, most=most)
        return list(rows.values_list("call_id", "partition_at", "channel"))

    def page(self, condition: Q, *, after: Key | None, most: int) -> DeliveryQuerySet[Delivery]:
        """Return the next rows, from the newest call to the oldest."""
        rows = self.rows(condition).order_by(*ORDER)
        if after is not None:
            rows = rows.filter(_below(after), partition_at__lte=after[1])
        return rows[:most]


def select(counter: Counter, filters: Filters, *, now: datetime) -> Selection:
    """Return what the history shows now."""
    last = CallKey.objects.order_by("-pk").values_list("pk", flat=True).first()
    return Selection(counter, filters, now, last or 0, timezone.get_current_timezone_name())


def selection_of(action: BulkAction) -> Selection:
    """Return the rows that an action was ordered for."""
    filters, zone = action.filters.get("filters"), action.filters.get("zone", "UTC")
    return Selection(
        counter=action.counter,
        filters=_thawed(filters) if filters is not None else None,
        seen_at=action.requested_at,
        last_call=action.last_call,
        zone=zone,
    )


def frozen(selection: Selection) -> dict[str, Any]:
    """Return the filter for `BulkAction.filters`; a search is kept as the calls that it found."""
    if selection.filters is None:
        return {}
    values = {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(selection.filters).items()
    }
    return {"filters": values, "zone": selection.zone}


def _thawed(values: Mapping[str, Any]) -> Filters:
    days = {
        name: date.fromisoformat(values[name]) if values.get(name) else None
        for name in ("first_day", "last_day")
    }
    return Filters(**{**values, **days})


def _below(key: Key) -> Q:
    call_id, at, channel = key
    return Q(partition_at__lt=at) | Q(call_id__lt=call_id) | Q(call_id=call_id, channel__gt=channel)
