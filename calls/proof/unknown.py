"""A person has seen rows in Metrika that were not sent by us: they are no alarm any more."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from calls.models import UnknownLogRow
from counters.models import Counter


@transaction.atomic
def mark_seen(counter: Counter, ids: Collection[int], *, actor: User, now: datetime) -> int:
    """Mark these rows of the counter as seen; return how many were not."""
    rows = UnknownLogRow.objects.filter(counter=counter, pk__in=ids, seen_at=None)
    seen = rows.update(seen_at=now, seen_by=actor)
    if seen:
        audit.log_change(
            cabinet=counter.cabinet,
            actor=actor,
            action="proof.rows_seen",
            subject=counter,
            after={"rows": seen},
        )
    return seen
