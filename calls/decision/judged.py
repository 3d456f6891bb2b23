"""SQL that judges calls by the rules: the first that refuses, and what the ledger's row would be.

Every statement that decides, previews or orders something is made of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from calls.decision.horizon import LINK_HORIZON
from calls.decision.routing import IS_ORDERED
from calls.decision.rules import RULES
from calls.decision.rules.linking import IDENTIFIER, IS_STATIC
from calls.states import WAIT_FOR_CHANGE, DeliveryState

#: No call is held into the last day of its horizon: what is left is for sending and processing.
LAST_DAY = timedelta(days=1)


def refusal_sql(*, without: Collection[str] = (), has_orders: bool = True) -> str:
    """Return SQL of the first rule that refuses the call: its code and what it compared, or null.

    ``without`` are codes of rules to leave out. With ``has_orders`` an order waives the rules that
    it may; the statement has to read `calls.decision.routing.ORDERS`. The expression is to be a
    column: in FROM the planner may evaluate it for every stored call before it picks the wanted
    ones.
    """
    cases = (
        f"WHEN {rule.refuses}{_unless_ordered(rule.is_waivable and has_orders)} THEN"
        " jsonb_build_array("
        + ", ".join(filter(None, [f"'{rule.code}'::text", rule.compared]))
        + ")"
        for rule in RULES
        if rule.code not in without
    )
    return "CASE {} END".format("\n".join(cases))


def _unless_ordered(is_waived: bool) -> str:
    return f" AND NOT {IS_ORDERED}" if is_waived else ""


_HOLD = "make_interval(hours => k.hold_hours)"

# A failed attempt of a callback order waits for the next attempt, which would replace it, and a
# call for its tags. With the record that brings them it is decided again, and held no more.
_WANTED = f"""greatest(
    c.started_at + make_interval(secs => c.duration_seconds) + k.defer_value
        * CASE k.defer_unit WHEN 'days' THEN interval '1 day' ELSE interval '1 hour' END,
    CASE WHEN k.last_attempt_only AND c.order_key IS NOT NULL AND c.status = 'fail'
         THEN c.received_at
              + CASE WHEN k.hold_for_last_attempt THEN {_HOLD} ELSE %(attempt_wait)s END END,
    CASE WHEN k.hold_for_tags AND c.tags = '{{}}'
         THEN c.started_at + make_interval(secs => c.duration_seconds) + {_HOLD} END)"""

# Held no longer than up to the last day of the horizon, and never beyond the horizon.
_NOT_BEFORE = f"""least(c.started_at + %(horizon)s, greatest(
    %(now)s, least({_WANTED}, c.started_at + %(horizon)s - %(last_day)s)))"""

#: Columns of a judged call × counter × channel. Reads the aliases of `routing.SOURCES`.
JUDGED = f"""c.id AS call_id, c.partition_at, c.cabinet_id, k.id AS counter_id, ch.channel,
           <refusal> AS refusal,
           {IDENTIFIER} AS id_kind, {IS_STATIC} AS is_static,
           {_NOT_BEFORE} AS not_before, c.started_at + %(horizon)s AS expires_at,
           k.version AS settings_version"""

WAIT_FOR_CHANGE_SQL = "({})".format(", ".join(f"'{code}'" for code in WAIT_FOR_CHANGE))

#: Columns of a row of the ledger, and SQL of them FROM a relation ``judged`` of `JUDGED`.
ROW_COLUMNS = """(call_id, partition_at, cabinet_id, counter_id, channel, state, reason, compared,
     id_kind, is_static, decided_at, not_before, expires_at, settings_version, waited)"""
SELECT_ROWS = f"""
SELECT call_id, partition_at, cabinet_id, counter_id, channel,
       CASE WHEN refusal IS NOT NULL THEN {DeliveryState.SKIPPED}
            WHEN expires_at <= %(now)s THEN {DeliveryState.EXPIRED}
            ELSE {DeliveryState.WAITING} END,
       refusal ->> 0, refusal -> 1, CASE WHEN is_static THEN 1 ELSE id_kind END, is_static,
       %(now)s, not_before, expires_at, settings_version,
       coalesce(refusal ->> 0, '') IN {WAIT_FOR_CHANGE_SQL}"""
#: Inserts rows of the ledger; what follows is FROM ``judged``.
INSERT_ROWS = f"INSERT INTO calls_delivery AS d {ROW_COLUMNS} {SELECT_ROWS}"

#: The columns that rows are found by, for ON CONFLICT.
ROW_KEY = "(call_id, counter_id, channel, partition_at)"


def decision_parameters(now: datetime) -> dict[str, Any]:
    """Return the parameters of every statement over the rules."""
    return {
        "now": now,
        "horizon": LINK_HORIZON,
        "last_day": LAST_DAY,
        "attempt_wait": timedelta(seconds=settings.ATTEMPT_WAIT_SECONDS),
    }


#: SQL types of `decision_parameters`.
DECISION_TYPES = {
    "now": "timestamptz",
    "horizon": "interval",
    "last_day": "interval",
    "attempt_wait": "interval",
}


def filled(text: str, conditions: Mapping[str, str]) -> str:
    """Replace the placeholders. Not str.format: the patterns of CSV cells contain braces."""
    for placeholder, sql in conditions.items():
        text = text.replace(placeholder, sql)
    return text
