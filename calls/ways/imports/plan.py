"""Says what would become of the first rows: they are stored and decided, and rolled back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

from django.db import connection, transaction

from cabinets.models import CallSource
from calls.ingest.intake import counts_of
from calls.ingest.store import store_calls
from calls.models import Way
from calls.states import BEFORE_CONNECTION, DeliveryState
from calls.ways.import_steps import RowResult
from calls.ways.imports.reading import Step

#: Rows that are tried; of the others only what is wrong with them is known.
MOST_TRIED = 20_000
#: Counter, channel, calls; those that would go, too old ones, ones of before the counter's start.
Counts = tuple[int, int, int, int, int, int]

_COUNTS = f"""
SELECT d.counter_id, d.channel, count(*),
    count(*) FILTER (WHERE d.state = {DeliveryState.WAITING}),
    count(*) FILTER (WHERE d.state = {DeliveryState.EXPIRED}),
    count(*) FILTER (WHERE d.state = {DeliveryState.SKIPPED} AND d.reason = '{BEFORE_CONNECTION}')
FROM calls_delivery d WHERE d.call_id = ANY(%(calls)s)
GROUP BY 1, 2 ORDER BY 1, 2
"""


@dataclass(frozen=True)
class Trial:
    """The results of the records, and per counter and channel how many would go and why not."""

    results: list[RowResult]
    counts: list[Counts]


def try_step(source: CallSource, step: Step, *, now: datetime) -> Trial:
    """Store and decide the records as the import would, read the outcome, and roll back."""
    with transaction.atomic():
        results = store_calls(source=source, records=step.records, now=now, way=Way.FILE)
        changed = [one.call_id for one in results if one.status in ("created", "updated")]
        counts = _counts(changed)
        transaction.set_rollback(True)
    numbered = [RowResult(*pair) for pair in zip(step.numbers, results, strict=True)]
    return Trial(numbered, counts)


def added(plan: dict[str, Any], trial: Trial) -> dict[str, Any]:
    """Return the plan with the outcome of some more records."""
    statuses = counts_of(one.result.status for one in trial.results)
    total = {name: plan.get(name, 0) + count for name, count in statuses.items()}
    counters = {key: list(values) for key, values in plan.get("counters", {}).items()}
    for counter, channel, *numbers in trial.counts:
        key = f"{counter}:{channel}"
        before = counters.get(key, [])
        counters[key] = [old + new for old, new in zip_longest(before, numbers, fillvalue=0)]
    return total | {"counters": counters}


def _counts(calls: Sequence[int | None]) -> list[Counts]:
    if not calls:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, {"calls": list(calls)})
        rows: list[Counts] = cursor.fetchall()
        return rows
