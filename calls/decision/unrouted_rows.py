"""Drops ledger rows that former versions wrote for counters which their calls do not concern.

Before routing (`calls.decision.routing`) a call had a row for every counter and channel of its
cabinet. A row goes when it was skipped at once and never anything else: for a reason of routing, or
for one that was looked at before those, while routing refuses the call by today's settings. What
ever waited, was in a file, or was decided by a person stays.

One counter and reason at a time, in the order of the index delivery_decided, in short transactions.
Stopped or killed at any place it goes on when it is run again: what is dropped is found no more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from calls.decision.routing import GOALS, ROUTED, ROUTING_RULES
from calls.decision.rules import RULES
from calls.runtime import shutdown
from calls.states import WAIT_FOR_CHANGE, DeliveryState
from counters.models import Counter

#: Rows that one transaction goes through.
BATCH = 5_000

_ROUTING = frozenset(rule.code for rule in ROUTING_RULES)
_LAST = max(place for place, rule in enumerate(RULES) if rule.is_routing)
#: Reasons of rows that may go. Those after the rules of routing tell that the call was routed.
DROPPABLE = tuple(rule.code for rule in RULES[: _LAST + 1] if rule.code not in WAIT_FOR_CHANGE)


@dataclass(frozen=True)
class Dropped:
    """How many rows one transaction went through, and how many of them it dropped."""

    counter_id: int
    reason: str
    read: int
    dropped: int


_OF_REASON = f"""d.counter_id = %(counter)s AND d.state = {DeliveryState.SKIPPED}
    AND d.reason = %(reason)s AND d.partition_at <= %(reached_at)s
    AND (d.partition_at, d.call_id) < (%(reached_at)s, %(reached_call)s)"""
_END = f"""
SELECT partition_at, call_id, count(*) OVER () FROM (
    SELECT d.partition_at, d.call_id FROM calls_delivery d WHERE {_OF_REASON}
    ORDER BY d.partition_at DESC, d.call_id DESC LIMIT %(batch)s
) AS part ORDER BY partition_at, call_id LIMIT 1"""
# With all rows of the last call: it has one for each channel.
_WHICH = f"""
SELECT d.call_id, d.counter_id, d.channel, d.partition_at
FROM calls_delivery d
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
JOIN counters_counter k ON k.id = d.counter_id
{GOALS}
CROSS JOIN LATERAL (SELECT d.channel::int) AS ch(channel)
WHERE {_OF_REASON} AND d.partition_at >= %(end_at)s
  AND (d.partition_at, d.call_id) >= (%(end_at)s, %(end_call)s)
  AND NOT d.waited AND d.upload_id IS NULL AND (%(is_routing)s OR NOT {ROUTED})"""
# A row that another transaction is deciding is left to the next run.
_DROP = f"""
DELETE FROM calls_delivery
WHERE partition_at BETWEEN %(end_at)s AND %(reached_at)s
  AND (call_id, counter_id, channel, partition_at) IN (
      {_WHICH} ORDER BY d.call_id, d.channel FOR UPDATE OF d SKIP LOCKED)"""


def drop_unrouted_rows(
    *, batch: int = BATCH, pause: float = 0.0, dry_run: bool = False
) -> Iterator[Dropped]:
    """Yield what each transaction did, or would do; ``pause`` seconds after each that drops."""
    for counter_id in Counter.objects.order_by("pk").values_list("pk", flat=True):
        for reason in DROPPABLE:
            for one in _of_reason(counter_id, reason, batch, dry_run):
                yield one
                if one.dropped and not dry_run:
                    time.sleep(pause)


def _of_reason(counter_id: int, reason: str, batch: int, dry_run: bool) -> Iterator[Dropped]:
    values: dict[str, Any] = {
        "counter": counter_id,
        "reason": reason,
        "is_routing": reason in _ROUTING,
        "batch": batch,
        "reached_at": "infinity",
        "reached_call": 0,
    }
    while not shutdown.is_requested():
        end = _part(values, dry_run)
        if end is None:
            return
        at, call_id, read, dropped = end
        yield Dropped(counter_id, reason, read, dropped)
        values |= {"reached_at": at, "reached_call": call_id}


@transaction.atomic
def _part(values: dict[str, Any], dry_run: bool) -> tuple[datetime, int, int, int] | None:
    """Drop the rows of one part; return its end, the rows read, and those dropped; None at last."""
    with connection.cursor() as cursor:
        cursor.execute(_END, values)
        end = cursor.fetchone()
        if end is None:
            return None
        at, call_id, read = end
        of_part = values | {"end_at": at, "end_call": call_id}
        if dry_run:
            cursor.execute(f"SELECT count(*) FROM ({_WHICH}) AS found", of_part)
            return at, call_id, read, cursor.fetchone()[0]
        cursor.execute(_DROP, of_part)
        return at, call_id, read, cursor.rowcount
