"""Decides again what waits for a counter: all of it at once, or calls that the caller names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from calls.decision.decide import statement, write
from calls.decision.judged import refusal_sql
from calls.decision.reasons import CALLED_OFF
from calls.runtime.copying import array_of
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
_IN_MONTHS = "c.partition_at BETWEEN %(first)s AND %(last)s AND "
_THESE = _IN_MONTHS + _OF_ROWS.replace("<rows>", _THESE_ROWS)

# Of the rows that a person called off the statement reads only those that return: others, as of the
# other channel of a call, may have waited as well.
_RETURNS = f"(d.state = {DeliveryState.SKIPPED} AND d.reason = '{CALLED_OFF.code}')"
_THESE_AND_RETURNING = _IN_MONTHS + _OF_ROWS.replace(
    "<rows>",
    f"""{_THESE_ROWS} AND CASE WHEN w.reason = '{CALLED_OFF.code}'
            THEN (w.call_id, w.channel) IN (
                SELECT * FROM unnest(%(calls)s::bigint[], %(channels)s::smallint[]))
            ELSE {STILL_WAITING.format(row="w")} END""",
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
    values = _values(counter_id, call_ids, between)
    with connection.cursor() as cursor:
        cursor.execute(_LOCK.replace("<rows>", _THESE_ROWS), values)
    write(_of_locked(_THESE, without), now=now, **values)


def redecide_locked(
    counter_id: int,
    call_ids: Sequence[int],
    *,
    now: datetime,
    between: tuple[datetime, datetime],
    without: Collection[str] = (),
    returning: Sequence[tuple[int, int]] = (),
) -> int:
    """As `redecide`, for a transaction that has locked the rows of these calls, in their order.

    ``returning`` are the call and the channel of rows that a person called off and that are decided
    as if they waited. Return how many rows are written; one that would go on waiting is not.
    """
    values = _values(counter_id, call_ids, between)
    if not returning:
        return write(_of_locked(_THESE, without), now=now, **values)
    calls, channels = zip(*returning, strict=True)
    values |= {"calls": array_of(map(str, calls)), "channels": array_of(map(str, channels))}
    sql = _of_locked(_THESE_AND_RETURNING, without, returns=_RETURNS)
    return write(sql, now=now, **values)


def _values(
    counter_id: int, call_ids: Sequence[int], between: tuple[datetime, datetime]
) -> dict[str, Any]:
    first, last = between
    calls = array_of(map(str, call_ids))
    return {"counter_id": counter_id, "call_ids": calls, "first": first, "last": last}


def _statement(which: str, without: Collection[str]) -> str:
    return statement(
        which=which,
        refusal=refusal_sql(without=without),
        still_open=STILL_WAITING.format(row="d"),
        # Every row takes the new version, so that only rows missed here stay older.
        changed="true",
    )


def _of_locked(which: str, without: Collection[str], *, returns: str = "false") -> str:
    months = "d.partition_at BETWEEN %(first)s AND %(last)s"
    return statement(
        which=which,
        refusal=refusal_sql(without=without),
        still_open=f"{months} AND ({STILL_WAITING.format(row='d')} OR {returns})",
        changed="true",
        returns=returns,
        inserts=False,
    )
