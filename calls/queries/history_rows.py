"""The rows of a history: a call each, with its deliveries to the counter, a channel each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from calls.models import Call, Delivery
from calls.queries.display_state import DisplayDelivery, with_display_state


@dataclass(frozen=True)
class HistoryRow:
    """A call, and its deliveries to one counter in the order of the channels; one or more."""

    call: Call
    deliveries: list[DisplayDelivery]


def rows_of(deliveries: Sequence[DisplayDelivery]) -> list[HistoryRow]:
    """Group deliveries, those of a call next to each other, by call; one query, for the calls."""
    _attach_calls(deliveries)
    grouped = groupby(deliveries, key=lambda one: one.call)
    return [HistoryRow(call, list(of_call)) for call, of_call in grouped]


def every_channel(found: Sequence[DisplayDelivery], *, now: datetime) -> list[DisplayDelivery]:
    """Return the deliveries of the same calls to the same counter over all channels. One query.

    The calls keep their order.
    """
    if not found:
        return []
    order = {one.call_id: place for place, one in enumerate(reversed(found))}
    rows = Delivery.objects.filter(
        counter_id=found[0].counter_id,
        call_id__in=order,
        partition_at__range=(found[-1].partition_at, found[0].partition_at),
    )
    shown = with_display_state(rows, now).select_related("upload")
    return sorted(shown, key=lambda one: (-order[one.call_id], one.channel))


def _attach_calls(rows: Sequence[DisplayDelivery]) -> None:
    """Load the calls of a page, in a query of their own.

    With a join PostgreSQL would read and sort all calls: it assumes that the two columns of the key
    are independent, and so expects almost no rows from the join.
    """
    if not rows:
        return
    # The rows are sorted by it, so only the partitions between these are read.
    months = (rows[-1].partition_at, rows[0].partition_at)
    calls = Call.objects.defer("raw", "page_url").filter(partition_at__range=months)
    by_id = calls.in_bulk({row.call_id for row in rows})
    for row in rows:
        row.call = by_id[row.call_id]
