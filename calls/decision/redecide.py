"""Decides waiting calls of one counter again, a bounded number of them at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from calls.decision.decide import STILL_WAITING, refusal_sql, statement, write

# Only rows that exist: a channel that comes into use now does not get the calls of the other one.
_THESE = """k.id = %(counter_id)s AND c.id = ANY (%(call_ids)s::bigint[])
    AND c.partition_at BETWEEN %(first)s AND %(last)s
    AND (c.id, ch.channel) IN (
        SELECT w.call_id, w.channel FROM calls_delivery w
        WHERE w.counter_id = %(counter_id)s AND w.call_id = ANY (%(call_ids)s::bigint[])
          AND w.partition_at BETWEEN %(first)s AND %(last)s)"""


def redecide(
    counter_id: int,
    call_ids: Sequence[int],
    *,
    now: datetime,
    between: tuple[datetime, datetime],
    without: Collection[str] = (),
) -> None:
    """Apply the counter's settings to these of its calls, if they wait or settings excluded them.

    The same as `calls.decision.decide.decide_again` for all calls of the counter. ``between`` are
    the least and the greatest `partition_at` of the calls; ``without`` are codes of rules that are
    not applied.
    """
    if not call_ids:
        return
    first, last = between
    write(
        statement(
            refusal=refusal_sql(without=without),
            which=_THESE,
            still_open=STILL_WAITING.format(row="d"),
            # Every row takes the new version of the settings.
            changed="true",
        ),
        now=now,
        counter_id=counter_id,
        call_ids=list(call_ids),
        first=first,
        last=last,
    )
