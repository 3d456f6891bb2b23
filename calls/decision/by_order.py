"""Decides past calls of one counter, because a person ordered them to be sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from calls.decision.attempts import lock_callback_orders
from calls.decision.decide import statement, write
from calls.decision.judged import refusal_sql
from calls.decision.routing import ORDERS, ROUTED, SOURCES, has_row_sql
from calls.states import BEFORE_CONNECTION, BY_ORDER_ONLY, COUNTER_OFF, DeliveryState

_CONCERNED = f"""k.id = %(counter_id)s AND c.id = ANY (%(call_ids)s::bigint[])
    AND ({ROUTED} OR {has_row_sql("%(call_ids)s::bigint[]")})"""


def decide_by_order(counter_id: int, call_ids: Sequence[int], *, now: datetime) -> None:
    """Write or renew one counter's rows of past calls, which a person ordered to be sent.

    Calls that do not concern the counter get none. Rows with another reason than those of
    `BY_ORDER_ONLY`, or in another state, do not change. Of a counter that is switched off they wait
    for the switch.
    """
    lock_callback_orders(call_ids)
    by_order = ", ".join(f"'{code}'" for code in BY_ORDER_ONLY)
    write(
        statement(
            which=_CONCERNED,
            refusal=refusal_sql(without=(COUNTER_OFF,)),
            still_open=f"d.state = {DeliveryState.SKIPPED} AND d.reason IN ({by_order})",
            changed="true",
        ),
        now=now,
        counter_id=counter_id,
        call_ids=list(call_ids),
    )


def count_fitting(counter_id: int, call_ids: Sequence[int]) -> int:
    """Return how many of these past calls `decide_by_order` would send over at least one channel.

    The bound of the counter is left out, as if it accepted them.
    """
    refusal = refusal_sql(without=(BEFORE_CONNECTION, COUNTER_OFF))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(DISTINCT id) FROM (SELECT c.id, {refusal} AS refusal {SOURCES}{ORDERS}"
            " WHERE k.id = %s AND c.id = ANY (%s::bigint[])) AS judged WHERE refusal IS NULL",
            [counter_id, list(call_ids)],
        )
        return int(cursor.fetchone()[0])
