"""Decides, for each routed call × counter × channel, whether it is sent, and writes its row.

One SQL statement made of `calls.decision.rules` writes the rows of new and changed calls. With
other conditions it decides again what waits: `calls.decision.redecide`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from calls.decision.attempts import FIND_ATTEMPTS, Attempts, find_attempts
from calls.decision.judged import (
    DECISION_TYPES,
    INSERT_ROWS,
    JUDGED,
    ROW_COLUMNS,
    ROW_KEY,
    SELECT_ROWS,
    WAIT_FOR_CHANGE_SQL,
    decision_parameters,
    filled,
    refusal_sql,
)
from calls.decision.locks import LOCKING, MISSED, locks_of
from calls.decision.reasons import GIVEN_BY_A_PERSON
from calls.decision.routing import ORDERS, ROUTED, SOURCES, has_row_sql, sources
from calls.decision.sent_before import attach_calls
from calls.runtime.prepared import Prepared, held_of, rows_of_last
from calls.states import (
    BEFORE_CONNECTION,
    CALLS_OFF,
    COUNTER_OFF,
    GOAL_GONE,
    GOAL_NOT_SET,
    NO_IDENTIFIER,
    NOT_CONFIGURED,
    NOT_LAST_ATTEMPT,
    OF_HELD_BACK,
    CallKind,
    DeliveryState,
)

# Changes of a call do not move it to the end of the queue, or it could wait for ever.
_KEPT_NOT_BEFORE = f"""CASE WHEN d.state = {DeliveryState.WAITING}
    AND excluded.not_before = excluded.decided_at
    THEN least(d.not_before, excluded.not_before) ELSE excluded.not_before END"""

# What waits, or what a person lets wait again with this statement.
_WAITS = f"(d.state = {DeliveryState.WAITING} OR <returns>)"

_WAITS_NO_MORE = (BEFORE_CONNECTION, CALLS_OFF, GOAL_NOT_SET, *OF_HELD_BACK)

# What waited for the settings and is excluded by them returns when they change, as any waiting call
# does; not by a channel that comes into use later, not from before the connection, and not what
# goes by an order only.
_WAITED = f"""CASE
    WHEN excluded.reason IN {WAIT_FOR_CHANGE_SQL} THEN true
    WHEN d.reason = '{NOT_CONFIGURED}'
         AND excluded.reason IN {_WAITS_NO_MORE} THEN false
    ELSE d.waited OR {_WAITS} END"""

# Former versions gave this reason to call-tracking calls as well. Of itself such a call does not
# begin to go as unlinked, which nobody chose when it came: its record has to name the visitor, or
# to say that it is a static call.
_STAYS_WITHOUT_IDENTIFIER = f"""(
    d.reason = '{NO_IDENTIFIER}' AND excluded.state = {DeliveryState.WAITING}
    AND excluded.is_static
    AND EXISTS (SELECT 1 FROM calls_call own
                WHERE own.id = excluded.call_id AND own.partition_at = excluded.partition_at
                  AND own.kind <> '{CallKind.STATIC}'))"""

# A waiting call goes on waiting while its counter is switched off or its channel has no goal: then
# nothing is sent. Of two goals the first one alone stops the channel (`calls.delivery.streams`): a
# callback whose own goal is gone would be in files that Metrika refuses, so it is set aside.
_GOES_ON_WAITING = f"""({_WAITS} AND (
    coalesce(excluded.reason, '') = '{COUNTER_OFF}'
    OR (coalesce(excluded.reason, '') = '{GOAL_GONE}' AND EXISTS (
        SELECT 1 FROM counters_counter own JOIN counters_goal first ON first.id = own.goal_id
        WHERE own.id = d.counter_id AND first.deleted_at IS NOT NULL))))"""

_JUDGED = f"""
FROM (
    SELECT {JUDGED}
    <sources>
    WHERE <which>
    ORDER BY c.id, k.id, ch.channel
) AS judged"""
_ROWS = f"{INSERT_ROWS} {_JUDGED} ON CONFLICT {ROW_KEY} "

# partition_at never changes (the row would move); the rest is decided anew until it is batched.
_SET = f"""
    state = excluded.state, reason = excluded.reason, compared = excluded.compared,
    id_kind = excluded.id_kind, is_static = excluded.is_static, decided_at = excluded.decided_at,
    expires_at = excluded.expires_at, settings_version = excluded.settings_version,
    waited = {_WAITED},
    not_before = {_KEPT_NOT_BEFORE}"""
_IS_CHANGED = f"""<still_open>
  AND (<returns>
       OR coalesce(d.reason, '') NOT IN ({", ".join(f"'{code}'" for code in GIVEN_BY_A_PERSON)}))
  AND {_STAYS_WITHOUT_IDENTIFIER} IS NOT TRUE
  AND NOT {_GOES_ON_WAITING}
  AND <changed>"""

_WRITE = f"{_ROWS} DO UPDATE SET {_SET} WHERE {_IS_CHANGED}"
# The same for rows that exist and that the transaction has locked: an insertion that conflicts
# takes twice the time.
_UPDATE = f"""UPDATE calls_delivery AS d SET {_SET}
FROM ({SELECT_ROWS} {_JUDGED}) AS excluded {ROW_COLUMNS}
WHERE d.call_id = excluded.call_id AND d.counter_id = excluded.counter_id
  AND d.channel = excluded.channel AND d.partition_at = excluded.partition_at AND {_IS_CHANGED}"""

CHANGED = f"""
    (d.state, d.reason, d.compared, d.id_kind, d.is_static, d.expires_at, d.not_before)
    IS DISTINCT FROM
    (excluded.state, excluded.reason, excluded.compared, excluded.id_kind, excluded.is_static,
     excluded.expires_at, {_KEPT_NOT_BEFORE})"""


@dataclass(frozen=True)
class Decided:
    """Calls to decide, and what their transaction knows of them.

    ``starts``: values of `partition_at`, the least and the greatest among them. ``has_rows``: one
    of the calls may have rows. ``of_orders``: those of them that may be attempts of a callback
    order. ``has_sent_before``: one of them may be in a taken-over upload. ``held``: see
    `calls.runtime.prepared`.
    """

    call_ids: Sequence[int]
    starts: Sequence[datetime]
    has_rows: bool
    of_orders: Sequence[int]
    has_sent_before: bool
    held: Collection[str]


def decide(call_ids: Sequence[int], *, now: datetime) -> None:
    """Write or renew the ledger rows of these calls and of other attempts of their callback orders.

    What is not routed gets no row; rows that exist are decided all the same. Rows already in an
    upload do not change; those of calls that a taken-over upload has are attached to it. Of an
    order with more attempts than `JUDGED_ATTEMPTS` only the last ones are decided again. Runs
    inside a transaction.
    """
    held = held_of(STATEMENTS)
    starts, locks = locks_of(call_ids, held=held)
    if starts:
        attempts = find_attempts(call_ids, starts, held=held, before=locks)
        _decide(Decided(call_ids, starts, True, call_ids, False, held), attempts, now=now)


def decide_locked(calls: Decided, *, now: datetime) -> Mapping[int, int]:
    """As `decide`, in a transaction that holds its locks already: orders, then counters.

    Return {call id: its order} of those calls whose order has more than `JUDGED_ATTEMPTS`.
    """
    if not calls.call_ids:
        return {}
    attempts = Attempts()
    if calls.of_orders:
        attempts = find_attempts(calls.of_orders, calls.starts, held=calls.held)
    _decide(calls, attempts, now=now)
    return attempts.crowded


def _decide(calls: Decided, attempts: Attempts, *, now: datetime) -> None:
    starts = (*calls.starts, *attempts.starts)
    values = {"call_ids": list(calls.call_ids), "first": min(starts), "last": max(starts)}
    values |= decision_parameters(now)
    values |= {"all_ids": [*calls.call_ids, *attempts.others]}
    has_sent_before = calls.has_sent_before
    if calls.has_rows or calls.of_orders:
        has_sent_before |= _decide_known(values, calls.held)
    else:
        _DECIDE_NEW.execute(values, held=calls.held)
    if has_sent_before:
        attach_calls(calls.call_ids)


def _decide_known(values: Mapping[str, Any], held: Collection[str]) -> bool:
    """Decide calls with rows or orders, and once more if settings were saved meanwhile.

    Return whether rows of taken-over uploads lack their calls.
    """
    steps = [(_DECIDE_KNOWN, values), (MISSED, values)]
    [(is_missed, has_sent_before, _settings)] = rows_of_last(steps, held=held)
    if is_missed:
        _DECIDE_KNOWN.execute(values, held={_DECIDE_KNOWN.name})
    return bool(has_sent_before)


def statement(
    *,
    which: str,
    still_open: str,
    changed: str,
    refusal: str = refusal_sql(),
    returns: str = "false",
    inserts: bool = True,
) -> str:
    """Return the statement that decides and writes rows.

    ``which`` are the calls, counters and channels; ``still_open`` and ``changed`` are conditions of
    the rows that exist already; ``refusal`` is that of `refusal_sql`. ``returns`` is the condition
    of rows that are decided as if they waited, although a person had them not sent. Without
    ``inserts`` the transaction has locked the rows, and no row is written that is not there.
    """
    conditions = {
        "<sources>": SOURCES + ORDERS,
        "<which>": which,
        "<still_open>": still_open,
        "<changed>": changed,
        "<returns>": returns,
        "<refusal>": refusal,
    }
    return filled(_WRITE if inserts else _UPDATE, conditions)


def write(sql: str, *, now: datetime, **parameters: Any) -> int:
    """Execute a statement of `statement`; return how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters | decision_parameters(now))
        return int(cursor.rowcount)


def _of_calls(which: str) -> str:
    """Return the statement of `decide`; ``which`` are calls, with their counters and channels."""
    still_open = (DeliveryState.WAITING, DeliveryState.SKIPPED, DeliveryState.EXPIRED)
    return statement(
        which=which,
        still_open=f"d.state IN ({', '.join(str(int(state)) for state in still_open)})",
        changed=CHANGED,
    )


# The bounds leave the other months out when a statement starts.
_IN_MONTHS = "{0}.partition_at BETWEEN %(first)s AND %(last)s"
_TYPES = {"call_ids": "bigint[]", "first": "timestamptz", "last": "timestamptz"} | DECISION_TYPES


def _of_new(which: str, *, calls: str = "calls_call") -> str:
    """Return SQL of the rows of calls without rows and orders.

    There is no row to renew, no other attempt to look for and no order to send it, and no sub-plan
    for any of these, which would be started for every month.
    """
    conditions = {
        "<sources>": sources(calls),
        "<which>": which,
        "<refusal>": refusal_sql(without=[NOT_LAST_ATTEMPT], has_orders=False),
    }
    return filled(f"{_ROWS} DO NOTHING", conditions)


def with_decision(insertion: str) -> str:
    """Return SQL that inserts new calls, none of an order, and their rows of the ledger.

    The calls are decided as they are inserted: the month that they are in is not looked for.
    """
    return f"WITH c AS ({insertion} RETURNING *) {_of_new(ROUTED, calls='c')}"


_DECIDE_NEW = Prepared(
    "decide_new",
    _of_new(f"c.id = ANY (%(call_ids)s) AND {_IN_MONTHS.format('c')} AND {ROUTED}"),
    _TYPES,
)
# Other attempts of the orders keep the rows they have, and get none: a counter that they concern
# only by later settings does not get past calls. A list in a sub-select is hashed, where that of an
# array is read for each call and counter.
_DECIDE_KNOWN = Prepared(
    "decide_known",
    _of_calls(
        f"c.id = ANY (%(all_ids)s) AND {_IN_MONTHS.format('c')}"
        f" AND ((c.id IN (SELECT unnest(%(call_ids)s)) AND {ROUTED})"
        f" OR {has_row_sql('%(all_ids)s', months=_IN_MONTHS.format('w'))})"
    ),
    _TYPES | {"all_ids": "bigint[]"},
)
#: What `Decided.held` may have.
STATEMENTS = (*LOCKING, FIND_ATTEMPTS, _DECIDE_NEW, _DECIDE_KNOWN, MISSED)
