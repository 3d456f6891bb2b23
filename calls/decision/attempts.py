"""The attempts of a callback order: their sequence, how many of them are judged, and their lock.

The attempts of one order judge each other. Orders have a handful of attempts; a sender that puts
thousands of calls into one order must not make each of them cost thousands of rows.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from calls.runtime.prepared import AS_BEFORE_SQL, Prepared, held_of, rows_of_last

#: Of an order with more attempts only so many of the last ones are judged.
JUDGED_ATTEMPTS = 50

#: Name of the call → SQL of its place in the sequence of attempts. The index `call_by_attempt`
#: has the same expressions.
PLACE = "coalesce({0}.attempt, 0), {0}.started_at, {0}.id"

#: True when a later attempt of the order of call c could be sent to counter k, which makes c not
#: the last one; only such an attempt replaces an earlier one, otherwise neither would be sent. In
#: an order with more than JUDGED_ATTEMPTS those before the last ones always have a later one.
HAS_LATER_ATTEMPT = f"""EXISTS (
    SELECT 1 FROM (
        SELECT o.is_finished, o.is_test, o.is_technical,
               row_number() OVER (ORDER BY {PLACE.format("o")}) AS place
        FROM calls_call o
        WHERE o.cabinet_id = c.cabinet_id AND o.order_key = c.order_key
          AND ({PLACE.format("o")}) > ({PLACE.format("c")})
        ORDER BY {PLACE.format("o")} LIMIT {JUDGED_ATTEMPTS}) AS later
    WHERE later.place = {JUDGED_ATTEMPTS}
       OR (later.is_finished AND NOT later.is_test
           AND NOT (k.skip_technical AND later.is_technical)))"""

#: SQL of the key of the advisory lock on a callback order: lock_callback_orders says why. Orders of
#: a cabinet share 256 of them: a step of an import must not fill the lock table.
ORDER_LOCK = "hashtextextended({cabinet_id} || ':' || mod({order_key}, 256), 0)"


#: Takes the locks of `lock_callback_orders`.
LOCK_ORDERS = Prepared(
    "lock_orders",
    f"""
SELECT pg_advisory_xact_lock(key) FROM (
    SELECT DISTINCT {ORDER_LOCK.format(cabinet_id="cabinet_id", order_key="order_key")} AS key
    FROM calls_call
    WHERE id = ANY (%(call_ids)s) AND partition_at BETWEEN %(first)s AND %(last)s
      AND order_key IS NOT NULL
    ORDER BY key) AS orders""",
    {"call_ids": "bigint[]", "first": "timestamptz", "last": "timestamptz"},
)


def lock_callback_orders(call_ids: Sequence[int]) -> None:
    """Take an advisory lock, held until commit, on each callback order of these calls.

    Without it two attempts stored at the same time would not see each other, and both would be
    sent. The keys are sorted, so that two requests with several orders cannot deadlock.
    """
    every_month = {"first": "-infinity", "last": "infinity"}
    LOCK_ORDERS.execute({"call_ids": list(call_ids)} | every_month, held=held_of([LOCK_ORDERS]))


# The last attempts of each order are found by `call_by_attempt`.
FIND_ATTEMPTS = Prepared(
    "find_attempts",
    f"""
WITH given AS MATERIALIZED (
    SELECT id, cabinet_id, order_key FROM calls_call
    WHERE id = ANY (%(call_ids)s) AND partition_at BETWEEN %(first)s AND %(last)s
      AND order_key IS NOT NULL
), attempts AS MATERIALIZED (
    SELECT orders.cabinet_id, orders.order_key, attempt.id, attempt.partition_at
    FROM (SELECT DISTINCT cabinet_id, order_key FROM given) AS orders
    CROSS JOIN LATERAL (
        SELECT a.id, a.partition_at FROM calls_call a
        WHERE a.cabinet_id = orders.cabinet_id AND a.order_key = orders.order_key
        ORDER BY coalesce(a.attempt, 0) DESC, a.started_at DESC, a.id DESC
        LIMIT %(judged)s) AS attempt
), others AS MATERIALIZED (
    SELECT id, partition_at FROM attempts WHERE (id IN (SELECT id FROM given)) IS NOT TRUE
), crowded AS (
    SELECT cabinet_id, order_key FROM attempts GROUP BY cabinet_id, order_key
    HAVING count(*) > {JUDGED_ATTEMPTS}
)
SELECT ARRAY(SELECT id FROM others),
       (SELECT min(partition_at) FROM others), (SELECT max(partition_at) FROM others),
       ARRAY(SELECT ARRAY[given.id, given.order_key] FROM given
             JOIN crowded USING (cabinet_id, order_key)),
       {AS_BEFORE_SQL}""",
    {
        "call_ids": "bigint[]",
        "first": "timestamptz",
        "last": "timestamptz",
        "judged": "bigint",
    },
)


@dataclass(frozen=True)
class Attempts:
    """What is known of the callback orders of calls.

    ``others`` are attempts that are decided with these calls, ``starts`` bound their
    `partition_at`. ``crowded``: those of the calls whose order has more than `JUDGED_ATTEMPTS`, and
    the order.
    """

    others: Sequence[int] = ()
    starts: Sequence[datetime] = ()
    crowded: Mapping[int, int] = field(default_factory=dict)


def find_attempts(
    call_ids: Sequence[int],
    starts: Sequence[datetime],
    *,
    held: Collection[str],
    before: Sequence[tuple[Prepared, Mapping[str, Any]]] = (),
) -> Attempts:
    """Return the other attempts of the orders of these calls, inside a transaction.

    ``starts`` bound the `partition_at` of the calls. ``before`` are statements that are executed
    in the same round trip, before it. ``held``: see `calls.runtime.prepared`.
    """
    values = {
        "call_ids": list(call_ids),
        "first": min(starts),
        "last": max(starts),
        # Each of the calls may push one earlier attempt out of those that are judged.
        "judged": JUDGED_ATTEMPTS + len(call_ids),
    }
    [(others, first, last, crowded, _settings)] = rows_of_last(
        [*before, (FIND_ATTEMPTS, values)], held=held
    )
    return Attempts(others, (first, last) if others else (), dict(crowded))
