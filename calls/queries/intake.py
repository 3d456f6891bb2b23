"""How many records came in by each way, and what became of them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, Sum

from calls.models import Intake, RejectedRecord


@dataclass(frozen=True)
class IntakeCounts:
    """Records of one source by one way; ``received`` is the sum of the others."""

    way: str
    received: int
    created: int
    updated: int
    duplicate: int
    rejected: int
    #: The last request, or the hour of it.
    last_at: datetime

    @property
    def accepted(self) -> int:
        """Records that made or changed a call."""
        return self.created + self.updated


def counts_of(
    source_ids: Collection[int], *, since: datetime, until: datetime | None = None
) -> dict[int, list[IntakeCounts]]:
    """Return the counts by source and way since the moment, in one query.

    Counts of an earlier hour are one row an hour: ``since`` should be the beginning of an hour.
    """
    rows = Intake.objects.filter(source__in=source_ids, at__gte=since)
    if until is not None:
        rows = rows.filter(at__lt=until)
    totals = rows.values_list("source", "way").annotate(
        Sum("received"),
        Sum("created"),
        Sum("updated"),
        Sum("duplicate"),
        Sum("rejected"),
        Max("at"),
    )
    found: dict[int, list[IntakeCounts]] = {}
    for source_id, *values in totals.order_by("source", "way"):
        found.setdefault(source_id, []).append(IntakeCounts(*values))
    return found


def waiting_rejected(source_id: int) -> int:
    """Return how many rejected records of the source are kept and were not read since."""
    return RejectedRecord.objects.filter(source=source_id, replayed_at=None).count()
