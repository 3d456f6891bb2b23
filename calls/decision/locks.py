"""The locks of a transaction that decides calls, and what it can miss in spite of them.

A save of settings does not wait for the calls of a configured counter, nor they for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from calls.decision.attempts import LOCK_ORDERS
from calls.runtime.prepared import AS_BEFORE_SQL, Prepared
from calls.states import DeliveryState

#: Locks, until commit, the counters of a cabinet that were never configured. Without it a first
#: save at the same time would miss the calls of this transaction, and they would wait for settings
#: that are saved already. The weakest lock that waits for a save: other changes of the counter, and
#: other requests with calls, do not wait for it.
UNCONFIGURED_COUNTERS = """
SELECT id FROM counters_counter
WHERE configured_at IS NULL AND removed_at IS NULL AND cabinet_id IN ({cabinet})
ORDER BY id FOR KEY SHARE"""

_LOCK_COUNTERS = Prepared(
    "lock_counters",
    UNCONFIGURED_COUNTERS.format(cabinet="SELECT unnest(%(cabinets)s)"),
    {"cabinets": "bigint[]"},
)
_BOUNDS = Prepared(
    "bounds_of_calls",
    f"""
SELECT min(partition_at), max(partition_at), array_agg(DISTINCT cabinet_id), {AS_BEFORE_SQL}
FROM calls_call WHERE id = ANY (%(call_ids)s)""",
    {"call_ids": "bigint[]"},
)

#: Whether rows of calls are decided by former settings that excluded them: they were saved while
#: the deciding statement waited for a row, or just before. What waits is decided by the present
#: settings before it is sent (`calls.delivery.redecision`), but what former settings exclude would
#: stay excluded. Then whether rows of taken-over uploads lack their calls.
MISSED = Prepared(
    "missed_a_save",
    f"""
SELECT EXISTS (
    SELECT 1 FROM calls_delivery d JOIN counters_counter k ON k.id = d.counter_id
    WHERE d.call_id = ANY (%(all_ids)s) AND d.partition_at BETWEEN %(first)s AND %(last)s
      AND d.state = {DeliveryState.SKIPPED} AND d.waited
      AND d.settings_version < k.version AND k.enabled AND k.removed_at IS NULL),
    EXISTS (SELECT 1 FROM calls_sentbefore), {AS_BEFORE_SQL}""",
    {"all_ids": "bigint[]", "first": "timestamptz", "last": "timestamptz"},
)
#: What ``held`` of `locks_of` may have, and what the locks prepare.
LOCKING = (_BOUNDS, LOCK_ORDERS, _LOCK_COUNTERS)


def locks_of(
    call_ids: Sequence[int], *, held: Collection[str]
) -> tuple[Sequence[datetime], Sequence[tuple[Prepared, Mapping[str, Any]]]]:
    """Return the bounds of `partition_at` of stored calls, and what takes the locks of these calls.

    No bounds if there are no such calls. The locks are held until commit: first those of callback
    orders (`calls.decision.attempts.lock_callback_orders`), then those of unconfigured counters.
    """
    calls = {"call_ids": list(call_ids)}
    [(first, last, cabinets, _settings)] = _BOUNDS.rows(calls, held=held)
    if first is None:
        return (), ()
    orders = calls | {"first": first, "last": last}
    return (first, last), [(LOCK_ORDERS, orders), (_LOCK_COUNTERS, {"cabinets": cabinets})]
