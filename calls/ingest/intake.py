"""Counts the records of a request by what became of them, in the transaction that stores them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from cabinets.models import CallSource
from calls.models import Intake, Way

#: Columns of `calls.models.Intake` with their SQL types, for the statement of a receipt.
COUNT_TYPES = dict.fromkeys(("created", "updated", "duplicate", "rejected"), "integer")


def counts_of(statuses: Iterable[str]) -> dict[str, int]:
    """Return the number of results of each status, 0 for those that do not occur."""
    counted = Counter(statuses)
    return {name: counted[name] for name in COUNT_TYPES}


def record_intake(source: CallSource, way: Way, statuses: Iterable[str], *, now: datetime) -> None:
    """Write the counts of one request; nothing for a request without records."""
    counts: dict[str, Any] = counts_of(statuses)
    if received := sum(counts.values()):
        Intake.objects.create(source_id=source.pk, way=way, at=now, received=received, **counts)
