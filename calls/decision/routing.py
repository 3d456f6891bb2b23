"""Routing: whether a call concerns a counter over a channel at all.

Its conditions are the rules of `calls.decision.rules` that are marked with ``is_routing``: the
channel is in use, and the call's site and campaign are among the counter's. Only what is routed
gets a row of the ledger. A row that exists is decided by all rules, also when a later change of
settings would not route it any more.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from calls.decision.reason import Rule
from calls.decision.rules import RULES, call_filters, preconditions
from counters.models import Counter

#: The rules of routing in the order in which they are told: about the call first, then the channel.
ROUTING_RULES = tuple(
    rule for rule in (*call_filters.RULES, *preconditions.RULES) if rule.is_routing
)


#: True when the call reaches the goal of callbacks (`Counter.goal_of`). Reads gi, the goal of the
#: counter, gc, that of its callbacks, and c.
HAS_OTHER_GOAL = (
    f"c.kind = '{Counter.CallKind.CALLBACK}' AND gi.id IS NOT NULL AND gc.id IS NOT NULL"
)
#: The goal that a call reaches, as g.
GOAL_OF_CALL = "(SELECT {}) AS g".format(
    ", ".join(
        f"CASE WHEN {HAS_OTHER_GOAL} THEN gc.{name} ELSE gi.{name} END AS {name}"
        for name in ("identifier", "name", "deleted_at")
    )
)
#: Both goals of the counter k and the one of the call c.
GOALS = f"""
    LEFT JOIN counters_goal gi ON gi.id = k.goal_id
    LEFT JOIN counters_goal gc ON gc.id = k.callback_goal_id
    CROSS JOIN LATERAL {GOAL_OF_CALL}"""


def sources(calls: str) -> str:
    """Return the FROM clause of a statement over the rules for this relation of calls."""
    return f"""
    FROM {calls} c
    JOIN counters_counter k ON k.cabinet_id = c.cabinet_id AND k.removed_at IS NULL{GOALS}
    CROSS JOIN (VALUES (1), (2)) AS ch(channel)"""


#: FROM clause of the statements over stored calls: the call, its cabinet's counters, the channels.
SOURCES = sources("calls_call")

#: What follows `SOURCES` for `IS_ORDERED`, and that: a person ordered the call to be sent to the
#: counter (`SendOrder`), which waives some of the rules. A call that is just being stored has none.
ORDERS = """
    LEFT JOIN calls_heldbackorder so ON so.call_id = c.id AND so.counter_id = k.id"""
IS_ORDERED = "so.id IS NOT NULL"

#: True when the call concerns the counter over the channel. Reads the aliases of `SOURCES`. In the
#: order of `RULES`: the cheap conditions come first.
ROUTED = "({})".format(" AND ".join(f"NOT {rule.refuses}" for rule in RULES if rule.is_routing))

# The place in ROUTING_RULES of the first rule that does not route the call, else their number.
_UNROUTED_AT = "CASE {} ELSE {} END".format(
    " ".join(f"WHEN {rule.refuses} THEN {at}" for at, rule in enumerate(ROUTING_RULES)),
    len(ROUTING_RULES),
)

# The first rule that does not route the call, with what it compared; null when all route it.
_UNROUTED_BY = "CASE {} END".format(
    " ".join(
        f"WHEN {rule.refuses} THEN jsonb_build_array("
        + ", ".join(filter(None, [f"'{rule.code}'::text", rule.compared]))
        + ")"
        for rule in ROUTING_RULES
    )
)

_COUNT_ROUTED = f"""
SELECT count(DISTINCT c.id), count(*), count(d.call_id) {SOURCES}
LEFT JOIN calls_delivery d
  ON d.call_id = c.id AND d.partition_at = c.partition_at
 AND d.counter_id = k.id AND d.channel = ch.channel
WHERE k.cabinet_id = %(cabinet)s AND (%(counter)s::bigint IS NULL OR k.id = %(counter)s)
  AND c.cabinet_id = %(cabinet)s AND c.partition_at >= %(since)s
  AND c.received_at BETWEEN %(since)s AND %(until)s AND {ROUTED}
"""


def has_row_sql(call_ids: str, *, months: str = "true") -> str:
    """Return SQL: the pair has a row of the ledger; for calls among those of the array's SQL.

    ``months`` is a condition of the row w.
    """
    return f"""(c.id, k.id, ch.channel) IN (
    SELECT w.call_id, w.counter_id, w.channel FROM calls_delivery w
    WHERE w.call_id = ANY ({call_ids}) AND {months})"""


def routing_of(call_id: int) -> dict[tuple[int, int], Rule | None]:
    """Return the first rule that does not route the call, None if all do; by today's settings.

    By (counter id, channel), for all of its cabinet's counters.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT k.id, ch.channel, {_UNROUTED_AT} {SOURCES} WHERE c.id = %s", [call_id]
        )
        return {(counter, channel): _rule(place) for counter, channel, place in cursor.fetchall()}


def nearest_rules(call_ids: Sequence[int]) -> dict[int, Rule | None]:
    """Return for each call the rule of the counter that it came nearest to concerning.

    None if it is routed to a counter by today's settings. Calls of a cabinet without counters are
    left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, max(place) FROM (SELECT c.id, {_UNROUTED_AT} AS place {SOURCES}"
            " WHERE c.id = ANY (%s::bigint[])) AS pairs GROUP BY id",
            [list(call_ids)],
        )
        return {call_id: _rule(place) for call_id, place in cursor.fetchall()}


@dataclass(frozen=True)
class Unrouted:
    """Why a call does not concern a counter over a channel."""

    call_id: int
    counter_id: int
    channel: int
    code: str
    compared: Sequence[Any] | None


def unrouted_pairs(call_ids: Sequence[int]) -> list[Unrouted]:
    """Return the counters and channels that the calls do not concern by today's settings."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM (SELECT c.id AS call_id, k.id AS counter_id, ch.channel,"
            f" {_UNROUTED_BY} AS refusal {SOURCES} WHERE c.id = ANY (%s::bigint[])) AS pairs"
            " WHERE refusal IS NOT NULL ORDER BY call_id, counter_id, channel",
            [list(call_ids)],
        )
        return [_unrouted(*row) for row in cursor.fetchall()]


def _unrouted(call_id: int, counter_id: int, channel: int, refusal: str) -> Unrouted:
    code, *compared = json.loads(refusal)
    return Unrouted(call_id, counter_id, channel, code, compared[0] if compared else None)


def _rule(place: int) -> Rule | None:
    return ROUTING_RULES[place] if place < len(ROUTING_RULES) else None


def count_routed(
    cabinet_id: int, *, since: datetime, until: datetime, counter_id: int | None = None
) -> tuple[int, int, int]:
    """Return of the calls received in this time: those routed, their pairs, and pairs with a row.

    Routed as of now, to one counter or to all of the cabinet; a pair is a counter and a channel.
    """
    values = {"cabinet": cabinet_id, "counter": counter_id, "since": since, "until": until}
    with connection.cursor() as cursor:
        cursor.execute(_COUNT_ROUTED, values)
        calls, pairs, rows = cursor.fetchone()
        return calls, pairs, rows
