"""Decides calls again whose record was read again by a newer version."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from calls.decision.decide import CHANGED, statement, write
from calls.decision.redecide import STILL_WAITING
from calls.decision.routing import has_row_sql
from calls.states import STATIC_NO_GOAL

# Only rows that exist: a counter that was added later does not get the call now.
_CALLS = "%(call_ids)s::bigint[]"
_WITH_A_ROW = f"c.id = ANY ({_CALLS}) AND {has_row_sql(_CALLS)}"


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
