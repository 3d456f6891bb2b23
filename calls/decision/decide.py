"""Decides, for each routed call × counter × channel, whether it is sent, and writes its row.

One SQL statement made of `calls.decision.rules` writes the rows of new and changed calls. With
other conditions it decides again what waits: `calls.decision.redecide`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from calls.decision.attempts import (
    CALLS_AND_THEIR_ORDERS,
    lock_callback_orders,
    siblings_of,
)
from calls.decision.horizon import LINK_HORIZON
from calls.decision.reasons import GIVEN_BY_A_PERSON
from calls.decision.routing import ROUTED, SOURCES, has_row_sql
from calls.decision.rules import RULES
from calls.decision.rules.linking import IDENTIFIER, IS_STATIC
from calls.decision.sent_before import attach_calls
from calls.runtime.prepared import AS_BEFORE_SQL, Prepared, held_of
from calls.states import (
    BEFORE_CONNECTION,
    CALLS_OFF,
    COUNTER_OFF,
    GOAL_GONE,
    GOAL_NOT_SET,
    NO_IDENTIFIER,
    NOT_CONFIGURED,
    WAIT_FOR_CHANGE,
    CallKind,
    DeliveryState,
)

#: No call is held into the last day of its horizon: what is left is for sending and processing.
LAST_DAY = timedelta(days=1)


def refusal_sql(*, without: Collection[str] = ()) -> str:
    """Return SQL of the first rule that refuses the call: its code and what it compared, or null.

    ``without`` are codes of rules to leave out. The expression is to be a column: in FROM the
    planner may evaluate it for every stored call before it picks the wanted ones.
    """
    cases = (
        f"WHEN {rule.refuses} THEN jsonb_build_array("
        + ", ".join(filter(None, [f"'{rule.code}'::text", rule.compared]))
        + ")"
        for rule in RULES
        if rule.code not in without
    )
    return "CASE {} END".format("\n".join(cases))


# A failed attempt of a callback order waits for the next attempt, which would replace it.
_WANTED = """greatest(
    c.started_at + make_interval(secs => c.duration_seconds) + k.defer_value
        * CASE k.defer_unit WHEN 'days' THEN interval '1 day' ELSE interval '1 hour' END,
    CASE WHEN k.last_attempt_only AND c.order_key IS NOT NULL AND c.status = 'fail'
         THEN c.received_at + %(attempt_wait)s END)"""

# Held no longer than up to the last day of the horizon, and never beyond the horizon.
_NOT_BEFORE = f"""least(c.started_at + %(horizon)s, greatest(
    %(now)s, least({_WANTED}, c.started_at + %(horizon)s - %(last_day)s)))"""

# Changes of a call do not move it to the end of the queue, or it could wait for ever.
_KEPT_NOT_BEFORE = f"""CASE WHEN d.state = {DeliveryState.WAITING}
    AND excluded.not_before = excluded.decided_at
    THEN least(d.not_before, excluded.not_before) ELSE excluded.not_before END"""

_WAIT_FOR_CHANGE = "({})".format(", ".join(f"'{code}'" for code in WAIT_FOR_CHANGE))

# What waited for the settings and is excluded by them returns when they change, as any waiting call
# does; not by a channel that comes into use later, and not from before the connection.
_WAITED = f"""CASE
    WHEN excluded.reason IN {_WAIT_FOR_CHANGE} THEN true
    WHEN d.reason = '{NOT_CONFIGURED}'
         AND excluded.reason IN ('{BEFORE_CONNECTION}', '{CALLS_OFF}', '{GOAL_NOT_SET}') THEN false
    ELSE d.waited OR d.state = {DeliveryState.WAITING} END"""

# Former versions gave this reason to call-tracking calls as well. Of itself such a call does not
# begin to go as unlinked, which nobody chose when it came: its record has to name the visitor, or
# to say that it is a static call.
_STAYS_WITHOUT_IDENTIFIER = f"""(
    d.reason = '{NO_IDENTIFIER}' AND excluded.state = {DeliveryState.WAITING}
    AND excluded.is_static
    AND EXISTS (SELECT 1 FROM calls_call own
                WHERE own.id = excluded.call_id AND own.partition_at = excluded.partition_at
                  AND own.kind <> '{CallKind.STATIC}'))"""

# partition_at never changes (the row would move); the rest is decided anew until it is batched.
_WRITE = f"""
INSERT INTO calls_delivery AS d
    (call_id, partition_at, cabinet_id, counter_id, channel, state, reason, compared, id_kind,
     is_static, decided_at, not_before, expires_at, settings_version, waited)
SELECT call_id, partition_at, cabinet_id, counter_id, channel,
       CASE WHEN refusal IS NOT NULL THEN {DeliveryState.SKIPPED}
            WHEN expires_at <= %(now)s THEN {DeliveryState.EXPIRED}
            ELSE {DeliveryState.WAITING} END,
       refusal ->> 0, refusal -> 1, CASE WHEN is_static THEN 1 ELSE id_kind END, is_static,
       %(now)s, not_before, expires_at, settings_version,
       coalesce(refusal ->> 0, '') IN {_WAIT_FOR_CHANGE}
FROM (
    SELECT c.id AS call_id, c.partition_at, c.cabinet_id, k.id AS counter_id, ch.channel,
           <refusal> AS refusal,
           {IDENTIFIER} AS id_kind, {IS_STATIC} AS is_static,
           {_NOT_BEFORE} AS not_before, c.started_at + %(horizon)s AS expires_at,
           k.version AS settings_version
    {SOURCES}
    WHERE <which>
    ORDER BY c.id, k.id, ch.channel
) AS judged
ON CONFLICT (call_id, counter_id, channel, partition_at) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, compared = excluded.compared,
    id_kind = excluded.id_kind, is_static = excluded.is_static, decided_at = excluded.decided_at,
    expires_at = excluded.expires_at, settings_version = excluded.settings_version,
    waited = {_WAITED},
    not_before = {_KEPT_NOT_BEFORE}
WHERE <still_open>
  AND coalesce(d.reason, '') NOT IN ({", ".join(f"'{code}'" for code in GIVEN_BY_A_PERSON)})
  AND {_STAYS_WITHOUT_IDENTIFIER} IS NOT TRUE
  -- a waiting call goes on waiting while its counter is switched off or its goal is gone
  AND NOT (d.state = {DeliveryState.WAITING}
           AND coalesce(excluded.reason, '') IN ('{COUNTER_OFF}', '{GOAL_GONE}'))
  AND <changed>
"""

CHANGED = f"""
    (d.state, d.reason, d.compared, d.id_kind, d.is_static, d.expires_at, d.not_before)
    IS DISTINCT FROM
    (excluded.state, excluded.reason, excluded.compared, excluded.id_kind, excluded.is_static,
     excluded.expires_at, {_KEPT_NOT_BEFORE})"""


@dataclass(frozen=True)
class Decided:
    """Calls to decide, and what their transaction knows of them.

    ``has_rows``: one of them may have rows. ``starts``: values of `partition_at`. ``has_orders``:
    one of them may be an attempt of a callback order. ``has_sent_before``: one of them may be in a
    taken-over upload. ``held``: see `calls.runtime.prepared`.
    """

    call_ids: Sequence[int]
    starts: Sequence[datetime]
    has_rows: bool
    has_orders: bool
    has_sent_before: bool
    held: Collection[str]


#: Locks, until commit, the counters of a cabinet that were never configured. Without it a first
#: save at the same time would miss the calls of this transaction, and they would wait for settings
#: that are saved already. The weakest lock that waits for a save: other changes of the counter, and
#: other requests with calls, do not wait for it.
UNCONFIGURED_COUNTERS = """
SELECT id FROM counters_counter
WHERE configured_at IS NULL AND removed_at IS NULL AND cabinet_id IN ({cabinet})
ORDER BY id FOR KEY SHARE"""
_CABINETS_OF_CALLS = "SELECT cabinet_id FROM calls_call WHERE id = ANY (%(call_ids)s::bigint[])"


def decide(call_ids: Sequence[int], *, now: datetime) -> None:
    """Write or renew the ledger rows of these calls and of other attempts of their callback orders.

    What is not routed gets no row; rows that exist are decided all the same. Rows already in an
    upload do not change; those of calls that a taken-over upload has are attached to it. Of an
    order with more attempts than `JUDGED_ATTEMPTS` only the last ones are decided again. Runs
    inside a transaction.
    """
    if call_ids:
        lock_callback_orders(call_ids)
        _lock_unconfigured_counters(call_ids)
        known = Decided(call_ids, (), True, True, True, held_of(STATEMENTS))
        decide_locked(known, now=now)


def decide_locked(calls: Decided, *, now: datetime) -> None:
    """As `decide`, in a transaction that holds its locks already: orders, then counters."""
    if not calls.call_ids:
        return
    values = {"call_ids": list(calls.call_ids), **_always(now)}
    if calls.has_rows or calls.has_orders:
        prepared = _DECIDE_KNOWN
        values |= {"siblings": siblings_of(calls.call_ids)}
    else:
        prepared = _DECIDE_NEW
        values |= {"first": min(calls.starts), "last": max(calls.starts)}
    prepared.execute(values, held=calls.held)
    if prepared is _DECIDE_KNOWN and _missed_a_save(values, calls.held):
        prepared.execute(values, held={*calls.held, prepared.name})
    if calls.has_sent_before:
        attach_calls(calls.call_ids)


# What waits is decided by the present settings before it is sent (`calls.delivery.redecision`), but
# what former settings exclude would stay excluded.
_MISSED = Prepared(
    "missed_a_save",
    f"""
SELECT EXISTS (
    SELECT 1 FROM calls_delivery d JOIN counters_counter k ON k.id = d.counter_id
    WHERE d.call_id = ANY ({CALLS_AND_THEIR_ORDERS}) AND d.state = {DeliveryState.SKIPPED}
      AND d.waited AND d.settings_version < k.version AND k.enabled AND k.removed_at IS NULL),
    {AS_BEFORE_SQL}""",
    {"call_ids": "bigint[]", "siblings": "bigint"},
)


def _missed_a_save(values: dict[str, Any], held: Collection[str]) -> bool:
    """Whether settings were saved while the deciding statement waited for a row, or just before."""
    [(is_missed, _settings)] = _MISSED.rows(values, held=held)
    return bool(is_missed)


def _lock_unconfigured_counters(call_ids: Sequence[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            UNCONFIGURED_COUNTERS.format(cabinet=_CABINETS_OF_CALLS),
            {"call_ids": list(call_ids)},
        )


def statement(*, which: str, still_open: str, changed: str, refusal: str = refusal_sql()) -> str:
    """Return the statement that decides and writes rows.

    ``which`` are the calls, counters and channels; ``still_open`` and ``changed`` are conditions of
    the rows that exist already; ``refusal`` is that of `refusal_sql`.
    """
    # Not str.format: the patterns of CSV cells contain braces.
    conditions = {
        "<which>": which,
        "<still_open>": still_open,
        "<changed>": changed,
        "<refusal>": refusal,
    }
    text = _WRITE
    for placeholder, sql in conditions.items():
        text = text.replace(placeholder, sql)
    return text


def write(sql: str, *, now: datetime, **parameters: Any) -> None:
    """Execute a statement of `statement`."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters | _always(now))


def _always(now: datetime) -> dict[str, Any]:
    """Return the parameters of every statement over the rules."""
    return {
        "now": now,
        "horizon": LINK_HORIZON,
        "last_day": LAST_DAY,
        "attempt_wait": timedelta(seconds=settings.ATTEMPT_WAIT_SECONDS),
    }


def _of_calls(which: str) -> str:
    """Return the statement of `decide`; ``which`` are calls, with their counters and channels."""
    still_open = (DeliveryState.WAITING, DeliveryState.SKIPPED, DeliveryState.EXPIRED)
    return statement(
        which=which,
        still_open=f"d.state IN ({', '.join(str(int(state)) for state in still_open)})",
        changed=CHANGED,
    )


_TYPES = {
    "call_ids": "bigint[]",
    "now": "timestamptz",
    "horizon": "interval",
    "last_day": "interval",
    "attempt_wait": "interval",
}
# Of calls without rows and orders; the bounds leave the other months out when it starts.
_DECIDE_NEW = Prepared(
    "decide_new",
    _of_calls(
        f"c.id = ANY (%(call_ids)s) AND c.partition_at BETWEEN %(first)s AND %(last)s AND {ROUTED}"
    ),
    _TYPES | {"first": "timestamptz", "last": "timestamptz"},
)
# Other attempts of the orders keep the rows they have, and get none: a counter that they concern
# only by later settings does not get past calls.
_DECIDE_KNOWN = Prepared(
    "decide_known",
    _of_calls(
        f"c.id = ANY ({CALLS_AND_THEIR_ORDERS})"
        f" AND ((c.id = ANY (%(call_ids)s) AND {ROUTED}) OR {has_row_sql(CALLS_AND_THEIR_ORDERS)})"
    ),
    _TYPES | {"siblings": "bigint"},
)
#: What `Decided.held` may have.
STATEMENTS = (_DECIDE_NEW, _DECIDE_KNOWN, _MISSED)
