"""Until when the calls of a page that wait for their file are gathered."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from calls.delivery.streams import gathered_by, key_of
from calls.queries.display_state import DisplayDelivery
from calls.states import DisplayState


def add_gathering(rows: Iterable[DisplayDelivery], *, now: datetime) -> None:
    """Set `gathered_by` of the deliveries that wait for their file, in one query."""
    waiting = [row for row in rows if row.display_state == DisplayState.WAITING]
    if not waiting:
        return
    latest = gathered_by({row.counter_id for row in waiting}, now=now)
    for row in waiting:
        row.gathered_by = latest.get(key_of(row))
