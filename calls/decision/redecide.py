"""Decides again what waits for a counter: all of it at once, or calls that the caller names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from calls.decision.decide import refusal_sql, statement, write
from calls.states import COUNTER_OFF, NOT_CONFIGURED, DeliveryState

#: Condition of a ledger row, with its name for ``{row}``, which changed settings apply to.
# Calls that changed settings have excluded return when the settings fit again, so that a mistake in
# a form does not lose weeks of calls; but not those that Metrika can no longer link.
STILL_WAITING = (
    f"({{row}}.state = {DeliveryState.WAITING} OR ({{row}}.state = {DeliveryState.SKIPPED}"
    " AND {row}.waited AND {row}.expires_at > %(now)s))"
)

# Only rows that exist: a channel that comes into use now does not get the calls of the other one.
_WAITING_FOR_THE_COUNTER = f"""k.id = %(counter_id)s AND (c.id, c.partition_at, ch.channel) IN (
    SELECT w.call_id, w.partition_at, w.channel FROM calls_delivery w
    WHERE w.counter_id = %(counter_id)s AND {STILL_WAITING.format(row="w")}
      AND (%(reason)s IS NULL OR w.reason = %(reason)s)
      AND (%(call_id)s IS NULL OR w.call_id = %(call_id)s))"""

_THESE = """k.id = %(counter_id)s AND c.id = ANY (%(call_ids)s::bigint[])
    AND c.partition_at BETWEEN %(first)s AND %(last)s
    AND (c.id, ch.channel) IN (
        SELECT w.call_id, w.channel FROM calls_delivery w
        WHERE w.counter_id = %(counter_id)s AND w.call_id = ANY (%(call_ids)s::bigint[])
          AND w.partition_at BETWEEN %(first)s AND %(last)s)"""


def decide_again(
    counter_id: int,
    *,
    now: datetime,
    call_id: int | None = None,
    reason: str | None = None,
    without: Collection[str] = (),
) -> None:
    """Apply changed settings to the counter's waiting calls and those that settings excluded.

    Calls that were skipped when they came in stay skipped, except those that wait for settings.

    ``call_id`` narrows it to one call, ``reason`` to rows that have it. ``without`` are codes of
    rules that are not applied.
    """
    write(
        statement(
            refusal=refusal_sql(without=without),
            which=_WAITING_FOR_THE_COUNTER,
            still_open=STILL_WAITING.format(row="d"),
            # Every row takes the new version, so that only rows missed here stay older.
            changed="true",
        ),
        now=now,
        counter_id=counter_id,
        call_id=call_id,
        reason=reason,
    )


def decide_for_settings(counter_id: int, *, now: datetime) -> None:
    """Decide the calls that waited for the counter's first settings, when it is switched off.

    They wait for the switch like every other waiting call, whatever the rule about it says.
    """
    decide_again(counter_id, now=now, reason=NOT_CONFIGURED, without=(COUNTER_OFF,))


def redecide(
    counter_id: int,
    call_ids: Sequence[int],
    *,
    now: datetime,
    between: tuple[datetime, datetime],
    without: Collection[str] = (),
) -> None:
    """Apply the counter's settings to these of its calls, if they wait or settings excluded them.

    The same as `decide_again` for all calls of the counter. ``between`` are
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
