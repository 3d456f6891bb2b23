"""The attempts of a callback order: their sequence, how many of them are judged, and their lock.

The attempts of one order judge each other. Orders have a handful of attempts; a sender that puts
thousands of calls into one order must not make each of them cost thousands of rows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import connection

from calls.runtime.prepared import AS_BEFORE_SQL, Prepared

#: Of an order with more attempts only so many of the last ones are judged.
JUDGED_ATTEMPTS = 50

#: Name of the call → SQL of its place in the sequence of attempts. The index `call_by_attempt`
#: has the same expressions.
_PLACE = "coalesce({0}.attempt, 0), {0}.started_at, {0}.id"

#: True when a later attempt of the order of call c could be sent to counter k, which makes c not
#: the last one; only such an attempt replaces an earlier one, otherwise neither would be sent. In
#: an order with more than JUDGED_ATTEMPTS those before the last ones always have a later one.
HAS_LATER_ATTEMPT = f"""EXISTS (
    SELECT 1 FROM (
        SELECT o.is_finished, o.is_test, o.is_technical,
               row_number() OVER (ORDER BY {_PLACE.format("o")}) AS place
        FROM calls_call o
        WHERE o.cabinet_id = c.cabinet_id AND o.order_key = c.order_key
          AND ({_PLACE.format("o")}) > ({_PLACE.format("c")})
        ORDER BY {_PLACE.format("o")} LIMIT {JUDGED_ATTEMPTS}) AS later
    WHERE later.place = {JUDGED_ATTEMPTS}
       OR (later.is_finished AND NOT later.is_test
           AND NOT (k.skip_technical AND later.is_technical)))"""

#: SQL array of the calls in %(call_ids)s and the last attempts of their orders. %(siblings)s is
#: `siblings_of`. A union instead of an OR: each half then uses its own index. An array, so that
#: these calls are always looked up by their ids.
CALLS_AND_THEIR_ORDERS = """ARRAY(
    SELECT unnest(%(call_ids)s::bigint[])
    UNION
    SELECT sibling.id FROM (
        SELECT DISTINCT o.cabinet_id, o.order_key FROM calls_call o
        WHERE o.id = ANY (%(call_ids)s::bigint[]) AND o.order_key IS NOT NULL) AS orders
    CROSS JOIN LATERAL (
        SELECT s.id FROM calls_call s
        WHERE s.cabinet_id = orders.cabinet_id AND s.order_key = orders.order_key
        ORDER BY coalesce(s.attempt, 0) DESC, s.started_at DESC, s.id DESC
        LIMIT %(siblings)s) AS sibling)"""


#: SQL of the key of the advisory lock on a callback order: lock_callback_orders says why. Orders of
#: a cabinet share 256 of them: a step of an import must not fill the lock table.
ORDER_LOCK = "hashtextextended({cabinet_id} || ':' || mod({order_key}, 256), 0)"


def siblings_of(call_ids: Sequence[int]) -> int:
    """Return how many last attempts of an order are decided with these calls.

    Each of them may push one earlier attempt out of those that are judged.
    """
    return JUDGED_ATTEMPTS + len(call_ids)


def lock_callback_orders(call_ids: Sequence[int]) -> None:
    """Take an advisory lock, held until commit, on each callback order of these calls.

    Without it two attempts stored at the same time would not see each other, and both would be
    sent. The keys are sorted, so that two requests with several orders cannot deadlock.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(key) FROM ("
            f" SELECT DISTINCT {ORDER_LOCK.format(cabinet_id='cabinet_id', order_key='order_key')}"
            " AS key FROM calls_call WHERE id = ANY (%s) AND order_key IS NOT NULL ORDER BY key"
            ") AS orders",
            [list(call_ids)],
        )


#: What ``held`` of `crowded_orders` may have.
CROWDED = Prepared(
    "crowded_orders",
    f"""
SELECT ARRAY(
    SELECT ARRAY[c.id, c.order_key] FROM calls_call c
    WHERE c.id = ANY (%(call_ids)s) AND c.order_key IS NOT NULL AND EXISTS (
        SELECT 1 FROM calls_call o
        WHERE o.cabinet_id = c.cabinet_id AND o.order_key = c.order_key
        OFFSET {JUDGED_ATTEMPTS})),
    {AS_BEFORE_SQL}""",
    {"call_ids": "bigint[]"},
)


def crowded_orders(call_ids: Sequence[int], *, held: Collection[str]) -> dict[int, int]:
    """Return {call id: its order} of those calls whose order has more than JUDGED_ATTEMPTS.

    Runs inside a transaction; ``held``: see `calls.runtime.prepared`.
    """
    if not call_ids:
        return {}
    [(found, _settings)] = CROWDED.rows({"call_ids": list(call_ids)}, held=held)
    return dict(found)
