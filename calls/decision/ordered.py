"""Judges past calls for one counter as a person's order would send them, and sends those that go.

What is counted before an order and what it does come from the same SQL. A call that is in a file,
waits or is done never changes; what cannot go keeps its row, or stays without one.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection

from calls.decision.attempts import LOCK_ORDERS
from calls.decision.judged import (
    DECISION_TYPES,
    INSERT_ROWS,
    JUDGED,
    ROW_KEY,
    decision_parameters,
    filled,
    refusal_sql,
)
from calls.decision.reasons import CALLED_OFF, COUNTER_REMOVED
from calls.decision.routing import ORDERS, SOURCES
from calls.decision.rules import RULES
from calls.runtime.prepared import AS_BEFORE_SQL, Prepared, held_of, rows_of_last
from calls.states import (
    BEFORE_CONNECTION,
    CALLS_OFF,
    COUNTER_OFF,
    GOAL_NOT_SET,
    TRIAL_CALL,
    Channel,
    DeliveryState,
    UploadState,
)

#: Codes of the rules that an order for a single call waives.
WAIVED = tuple(rule.code for rule in RULES if rule.is_waivable)
#: Outcomes of calls that no rule refuses: it goes; it was in a file, waits or is done; too late.
SENT, ALREADY, LATE = "sent", "already", "late"


@dataclass(frozen=True)
class Terms:
    """What an order asks of the calls.

    ``without`` are codes of rules that are not applied. With ``is_kept`` each call that goes gets a
    `SendOrder`, so that changes of the settings do not exclude it again. ``spared`` are reasons of
    rows that stay as they are.
    """

    without: Collection[str]
    is_kept: bool = False
    spared: Collection[str] = ()


#: A person named the calls: the settings do not matter. What is switched off sends them later.
NAMED = Terms(without=(*WAIVED, COUNTER_OFF), is_kept=True)
#: A person named a filter: the same, but a trial call goes by an order for it alone.
FILTERED = Terms(
    without=(*(code for code in WAIVED if code != TRIAL_CALL), COUNTER_OFF), is_kept=True
)
#: A person named days: what the settings of today let pass goes, also from before the connection.
BY_DAYS = Terms(without=(BEFORE_CONNECTION, COUNTER_OFF), spared=(CALLED_OFF.code,))


# In a file that never left because a person called it off, or removed the counter: it is neither
# done nor does it wait. What ended like this is not begun again by an order.
_IS_ENDED = f"""(u.state = '{UploadState.CANCELLED}'
                     AND u.attention IN ('{CALLED_OFF.code}', '{COUNTER_REMOVED.code}'))"""
# A channel out of use refuses every call, and says less than the channel in use: it is judged only
# for a row that exists, or when no channel is in use.
_TELLS = f"""(present.call_id IS NOT NULL OR k.configured_at IS NULL
    OR (NOT k.send_calls AND k.goal_id IS NULL)
    OR CASE ch.channel WHEN {Channel.CALLS} THEN k.send_calls ELSE k.goal_id IS NOT NULL END)"""
_JUDGED = f"""
judged AS MATERIALIZED (
    SELECT one.*, one.refusal IS NULL AND one.expires_at > %(now)s AND one.spared IS NULL
           AND coalesce(one.present, {DeliveryState.SKIPPED}) = {DeliveryState.SKIPPED} AS goes
    FROM (
        SELECT {JUDGED}, present.state AS present,
               CASE WHEN present.reason = ANY (%(spared)s::text[]) THEN present.reason
                    WHEN {_IS_ENDED} THEN u.attention END AS spared,
               coalesce({_IS_ENDED}, false) AS is_ended
        {SOURCES}{ORDERS}
        LEFT JOIN calls_delivery present
          ON present.call_id = c.id AND present.partition_at = c.partition_at
         AND present.counter_id = k.id AND present.channel = ch.channel
        LEFT JOIN calls_upload u ON u.id = present.upload_id
        WHERE k.id = %(counter_id)s AND c.id = ANY (%(call_ids)s::bigint[])
          AND c.partition_at BETWEEN %(first)s AND %(last)s AND {_TELLS}
        ORDER BY c.id, k.id, ch.channel) AS one
), outcomes AS MATERIALIZED (
    SELECT call_id, CASE
        WHEN bool_or(goes) THEN '{SENT}'
        WHEN bool_or(present NOT IN ({DeliveryState.SKIPPED}, {DeliveryState.EXPIRED})
                     AND NOT is_ended)
            THEN '{ALREADY}'
        WHEN bool_or(expires_at <= %(now)s) THEN '{LATE}'
        -- that a channel is not in use says less than why the other one refuses
        ELSE (array_agg(coalesce(spared, refusal ->> 0) ORDER BY
              coalesce(spared, refusal ->> 0) IN ('{CALLS_OFF}', '{GOAL_NOT_SET}'), channel))[1]
        END AS outcome
    FROM judged GROUP BY call_id
)"""

_COUNT = "SELECT outcome, count(*) FROM outcomes GROUP BY outcome"
_COUNT_SENT = f"""
SELECT ARRAY(SELECT ARRAY[outcome, count(*)::text] FROM outcomes GROUP BY outcome),
       {AS_BEFORE_SQL}"""

_WRITTEN = f"""
written AS (
    {INSERT_ROWS}
    FROM (SELECT * FROM judged WHERE goes ORDER BY call_id, channel) AS judged
    ON CONFLICT {ROW_KEY} DO UPDATE SET
        state = excluded.state, reason = NULL, compared = NULL, id_kind = excluded.id_kind,
        is_static = excluded.is_static, decided_at = excluded.decided_at,
        expires_at = excluded.expires_at, settings_version = excluded.settings_version,
        not_before = excluded.not_before
    WHERE d.state = {DeliveryState.SKIPPED}
    RETURNING d.call_id
)"""

_KEPT = """
kept AS (
    INSERT INTO calls_heldbackorder (call_id, counter_id, ordered_by_id, ordered_at)
    SELECT DISTINCT call_id, %(counter_id)s, %(actor)s::bigint, %(now)s FROM written
    ORDER BY call_id
    ON CONFLICT (call_id, counter_id) DO NOTHING
)"""

# In the order of the intake (`calls.ingest.known_calls`), so that they cannot deadlock: a record
# that is being stored comes before or after, as a whole.
_LOCK_CALLS = Prepared(
    "lock_ordered_calls",
    f"""
SELECT min(partition_at), max(partition_at), {AS_BEFORE_SQL} FROM (
    SELECT c.partition_at FROM calls_call c
    WHERE c.id = ANY (%(call_ids)s) AND c.cabinet_id = %(cabinet_id)s
    ORDER BY c.external_id COLLATE "C" FOR NO KEY UPDATE) AS locked""",
    {"call_ids": "bigint[]", "cabinet_id": "bigint"},
)
_BOUNDS = """
SELECT min(partition_at), max(partition_at) FROM calls_call
WHERE id = ANY (%(call_ids)s::bigint[]) AND cabinet_id = %(cabinet_id)s"""
_TYPES_OF_ROWS = {
    "counter_id": "bigint",
    "call_ids": "bigint[]",
    "first": "timestamptz",
    "last": "timestamptz",
}
_LOCK_ROWS = Prepared(
    "lock_ordered_rows",
    """
SELECT count(*) FROM (
    SELECT 1 FROM calls_delivery w
    WHERE w.counter_id = %(counter_id)s AND w.call_id = ANY (%(call_ids)s)
      AND w.partition_at BETWEEN %(first)s AND %(last)s
    ORDER BY w.call_id, w.counter_id, w.channel FOR UPDATE) AS locked""",
    _TYPES_OF_ROWS,
)


@dataclass(frozen=True)
class Asked:
    """Calls that are to be sent to a counter of the same cabinet; others are left out."""

    cabinet_id: int
    counter_id: int
    call_ids: Sequence[int]

    @property
    def values(self) -> dict[str, Any]:
        """The parameters of the statements."""
        return {
            "cabinet_id": self.cabinet_id,
            "counter_id": self.counter_id,
            "call_ids": [*self.call_ids],
        }


def count(asked: Asked, terms: Terms, *, now: datetime) -> dict[str, int]:
    """Return how many of the calls would have each outcome: SENT, …, or the code of a rule."""
    values = asked.values | {"spared": [*terms.spared]}
    first, last = _one(_BOUNDS, values)
    if first is None:
        return {}
    values |= decision_parameters(now) | {"first": first, "last": last}
    return _outcomes(_statement(terms, "", _COUNT), values)


def send(asked: Asked, terms: Terms, *, actor_id: int | None, now: datetime) -> dict[str, int]:
    """Send the calls that go; return how many had each outcome, as `count` would have.

    Runs in a transaction that holds the lock of the counter.
    """
    sending = _sending(terms)
    held = held_of([LOCK_ORDERS, _LOCK_CALLS, _LOCK_ROWS, sending])
    values = asked.values | {"spared": [*terms.spared], "actor": actor_id}
    every_month = {"first": "-infinity", "last": "infinity"}
    locks = [(LOCK_ORDERS, values | every_month), (_LOCK_CALLS, values)]
    [(first, last, _settings)] = rows_of_last(locks, held=held)
    if first is None:
        return {}
    values |= decision_parameters(now) | {"first": first, "last": last}
    [(outcomes, _settings)] = rows_of_last([(_LOCK_ROWS, values), (sending, values)], held=held)
    return {outcome: int(calls) for outcome, calls in outcomes}


@cache
def _sending(terms: Terms) -> Prepared:
    """Return the statement of `send`: of the few `Terms` there are."""
    written = f", {_WRITTEN}, {_KEPT}" if terms.is_kept else f", {_WRITTEN}"
    types = {"spared": "text[]", "actor": "bigint"}
    return Prepared(
        "send_ordered",
        _statement(terms, written, _COUNT_SENT),
        _TYPES_OF_ROWS | types | DECISION_TYPES,
    )


def _statement(terms: Terms, written: str, counted: str) -> str:
    judged = filled(_JUDGED, {"<refusal>": refusal_sql(without=terms.without)})
    return f"WITH {judged}{written} {counted}"


def _one(sql: str, values: dict[str, Any]) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchone()


def _outcomes(sql: str, values: dict[str, Any]) -> dict[str, int]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return dict(cursor.fetchall())
