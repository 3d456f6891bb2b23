"""Decides again what waits for a counter: all of it at once, or calls that the caller names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from calls.decision.decide import statement, write
from calls.decision.judged import refusal_sql
from calls.states import COUNTER_OFF, NOT_CONFIGURED, DeliveryState

#: Condition of a ledger row, with its name for ``{row}``, which changed settings apply to.
# Calls that changed settings have excluded return when the settings fit again, so that a mistake in
# a form does not lose weeks of calls; but not those that Metrika can no longer link.
STILL_WAITING = (
    f"({{row}}.state = {DeliveryState.WAITING} OR ({{row}}.state = {DeliveryState.SKIPPED}"
    " AND {row}.waited AND {row}.expires_at > %(now)s))"
)

# Rows of the counter, by the parameters of `decide_again` and of `redecide`.
_WAITING_ROWS = f"""w.counter_id = %(counter_id)s AND {STILL_WAITING.format(row="w")}
      AND (%(reason)s IS NULL OR w.reason = %(reason)s)
      AND (%(call_id)s IS NULL OR w.call_id = %(call_id)s)"""
_THESE_ROWS = """w.counter_id = %(counter_id)s AND w.call_id = ANY (%(call_ids)s::bigint[])
      AND w.partition_at BETWEEN %(first)s AND %(last)s"""

# Only rows that exist: a channel that comes into use now does not get the calls of the other one.
# They are found once, and the calls by them: a list of calls would else be a condition of each
# search for a call or a row, which reads the whole list again.
_OF_ROWS = """k.id = %(counter_id)s AND (c.id, c.partition_at, ch.channel) IN (
    WITH these AS MATERIALIZED (
        SELECT w.call_id, w.partition_at, w.channel FROM calls_delivery w
        WHERE <rows>)
    SELECT * FROM these)"""
_WAITING_FOR_THE_COUNTER = _OF_ROWS.replace("<rows>", _WAITING_ROWS)
_THESE = "c.partition_at BETWEEN %(first)s AND %(last)s AND " + _OF_ROWS.replace(
    "<rows>", _THESE_ROWS
)

# A statement of its own before the one that decides: a record that is being corrected at this
# moment holds its row, and the values of the call have to be read after that.
_LOCK = """SELECT count(*) FROM (
    SELECT 1 FROM calls_delivery w WHERE <rows>
    ORDER BY w.call_id, w.counter_id, w.channel FOR UPDATE) AS locked"""


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
    values = {"counter_id": counter_id, "call_id": call_id, "reason": reason}
    write(_LOCK.replace("<rows>", _WAITING_ROWS), now=now, **values)
    write(_statement(_WAITING_FOR_THE_COUNTER, without), now=now, **values)


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
    lock_rows(counter_id, call_ids, between=between)
    first, last = between
    values = {"counter_id": counter_id, "call_ids": [*call_ids], "first": first, "last": last}
    write(_statement(_THESE, without), now=now, **values)


def lock_rows(
    counter_id: int, call_ids: Sequence[int], *, between: tuple[datetime, datetime]
) -> None:
    """Lock the rows that `redecide` may change, in the one order of locks.

    For a transaction that changes some of them before: locked in two portions, the second could
    hold rows that come before those of the first.
    """
    first, last = between
    values: dict[str, Any] = {
        "counter_id": counter_id,
        "call_ids": [*call_ids],
        "first": first,
        "last": last,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LOCK.replace("<rows>", _THESE_ROWS), values)


def _statement(which: str, without: Collection[str]) -> str:
    return statement(
        which=which,
        refusal=refusal_sql(without=without),
        still_open=STILL_WAITING.format(row="d"),
        # Every row takes the new version, so that only rows missed here stay older.
        changed="true",
    )
