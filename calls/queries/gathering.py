"""Until when the waiting calls of a page are gathered, and which of them are decided again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from calls.delivery.streams import gathered_by, key_of
from calls.queries.display_state import DisplayDelivery
from calls.queries.redecision import progress_of
from calls.states import DisplayState


def add_gathering(rows: Iterable[DisplayDelivery], *, now: datetime) -> None:
    """Set `gathered_by` and `being_decided` of the deliveries that wait, in two queries."""
    rows = [row for row in rows if row.display_state in (DisplayState.WAITING, DisplayState.HELD)]
    if not rows:
        return
    progress = progress_of({row.counter_id for row in rows})
    for row in rows:
        if row.counter_id in progress:
            row.being_decided = progress[row.counter_id].sentence
    waiting = [row for row in rows if row.display_state == DisplayState.WAITING]
    if not waiting:
        return
    latest = gathered_by({row.counter_id for row in waiting}, now=now)
    for row in waiting:
        row.gathered_by = latest.get(key_of(row))
