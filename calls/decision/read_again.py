"""Decides calls again whose record was read again by a newer version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from calls.decision.decide import CHANGED, STILL_WAITING, statement, write
from calls.states import STATIC_NO_GOAL

# Only rows that exist: a counter that was added later does not get the call now.
_WITH_A_ROW = """c.id = ANY (%(call_ids)s::bigint[])
    AND (c.id, c.partition_at, k.id, ch.channel) IN (
        SELECT w.call_id, w.partition_at, w.counter_id, w.channel FROM calls_delivery w
        WHERE w.call_id = ANY (%(call_ids)s::bigint[]))"""


def decide_read_again(call_ids: Sequence[int], *, now: datetime) -> None:
    """Renew the rows of these calls that wait, that settings excluded, or that were static.

    Runs inside the transaction that changed the calls.
    """
    waiting = STILL_WAITING.format(row="d")
    write(
        statement(
            which=_WITH_A_ROW,
            still_open=f"({waiting} OR coalesce(d.reason, '') = '{STATIC_NO_GOAL}')",
            changed=CHANGED,
        ),
        now=now,
        call_ids=list(call_ids),
    )
