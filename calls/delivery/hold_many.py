"""What `calls.delivery.hold` does with one row, done with many rows of a counter at once.

Each function takes keys of rows, changes those that still fulfil its condition, and returns how
many. It runs in a transaction of the caller, who also writes the audit trail. Rows are locked in
the order of `calls.delivery.rows`.

Whoever may undo the change finds its rows by ``mark``: the moment that is written into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.expressions import RawSQL

from calls.decision.reasons import CALLED_OFF
from calls.decision.redecide import redecide_locked
from calls.delivery.hold import called_off_rows, held_rows
from calls.models import Delivery
from calls.models.querysets import DeliveryQuerySet
from calls.runtime.copying import array_of
from calls.states import COUNTER_OFF, Channel, DeliveryState
from counters.models import Counter

#: A call, its `partition_at` and the channel.
Key = tuple[int, datetime, int]


def waiting_rows(now: datetime) -> Q:
    """Return the condition of rows that are to be sent, now or later, and are in no file."""
    return Q(state=DeliveryState.WAITING, expires_at__gt=now)


def released_rows(mark: datetime, now: datetime) -> Q:
    """Return the condition of rows that `release_many` made due and that are in no file yet."""
    return waiting_rows(now) & Q(not_before=mark)


def marked_called_off_rows(mark: datetime, now: datetime) -> Q:
    """Return the condition of rows that `call_off_many` called off."""
    return called_off_rows(now) & Q(decided_at=mark)


def release_many(counter: Counter, keys: Sequence[Key], *, mark: datetime, now: datetime) -> int:
    """Send held rows with the next file. ``mark`` is not in the future.

    They are not decided again: whatever changes a call or the settings decides what waits.
    """
    return _change(counter, keys, held_rows(now), "not_before = %s", [mark])


def call_off_many(counter: Counter, keys: Sequence[Key], *, mark: datetime, now: datetime) -> int:
    """Do not send rows that wait."""
    to = "state = %s, reason = %s, decided_at = %s"
    values = [DeliveryState.SKIPPED.value, CALLED_OFF.code, mark]
    return _change(counter, keys, waiting_rows(now), to, values)


def restore_many(counter: Counter, keys: Sequence[Key], *, condition: Q, now: datetime) -> int:
    """Let called off rows of the condition wait again, as the present settings decide."""
    if not keys:
        return 0
    rows = _locked(counter, keys, condition & called_off_rows(now))
    chosen = [row[:3] for row in rows if row[3]]
    if _decide(counter, keys, now, returning=chosen) < len(rows):
        # Rows that deciding leaves as they are, such as those that wait for another goal.
        to = "state = %s, reason = NULL, not_before = %s"
        values = [DeliveryState.WAITING.value, now]
        _change(counter, chosen, called_off_rows(now), to, values)
    return len(chosen)


def hold_again_many(counter: Counter, keys: Sequence[Key], *, mark: datetime, now: datetime) -> int:
    """Hold rows again that were released, if the present settings hold them; return how many."""
    if not keys:
        return 0
    rows = _locked(counter, keys, released_rows(mark, now))
    _decide(counter, keys, now)
    chosen = [row[:3] for row in rows if row[3]]
    return _rows(counter, chosen).filter(held_rows(now)).count() if chosen else 0


def _change(
    counter: Counter, keys: Sequence[Key], condition: Q, to: str, values: Sequence[Any]
) -> int:
    """Lock the rows of these keys that fulfil the condition in their order, and change them.

    One statement, so that the rows are locked no longer than their change takes. ``to`` is the SET
    clause of the row d, ``values`` are its parameters.
    """
    if not keys:
        return 0
    rows = _rows(counter, keys).filter(condition).order_by("call_id", "counter_id", "channel")
    columns = rows.select_for_update().values("call_id", "partition_at", "channel")
    locked, parameters = columns.query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH locked AS ({locked}) UPDATE calls_delivery d SET {to} FROM locked"
            " WHERE d.call_id = locked.call_id AND d.partition_at = locked.partition_at"
            " AND d.counter_id = %s AND d.channel = locked.channel"
            " AND d.partition_at BETWEEN %s AND %s",
            [*parameters, *values, counter.pk, *_between(keys)],
        )
        return int(cursor.rowcount)


def _rows(counter: Counter, keys: Sequence[Key]) -> DeliveryQuerySet[Delivery]:
    """Return the rows of these keys."""
    return _of_counter(counter, keys).filter(_has_key(keys))


def _has_key(keys: Sequence[Key]) -> Q:
    found = Q()
    for channel in Channel:
        calls = [call for call, _at, of_channel in keys if of_channel == channel]
        if calls:
            found |= Q(_is_of(calls), channel=channel)
    return found


def _locked(
    counter: Counter, keys: Sequence[Key], condition: Q
) -> list[tuple[int, datetime, int, bool]]:
    """Lock the rows of both channels of these calls, of which deciding may change either.

    Return their keys, and whether a row is one of ``keys`` and fulfils the condition.
    """
    chosen = ExpressionWrapper(_has_key(keys) & condition, output_field=BooleanField())
    rows = _of_counter(counter, keys).filter(_is_of(_calls(keys))).annotate(is_chosen=chosen)
    ordered = rows.order_by("call_id", "counter_id", "channel").select_for_update()
    return list(ordered.values_list("call_id", "partition_at", "channel", "is_chosen"))


def _of_counter(counter: Counter, keys: Sequence[Key]) -> DeliveryQuerySet[Delivery]:
    return Delivery.objects.filter(counter=counter, partition_at__range=_between(keys))


def _is_of(calls: Sequence[int]) -> RawSQL:
    """Return the condition of rows of these calls, an array: one parameter, not one a call."""
    sql = "calls_delivery.call_id = ANY (%s::bigint[])"
    return RawSQL(sql, [array_of(map(str, calls))], output_field=BooleanField())


def _decide(
    counter: Counter, keys: Sequence[Key], now: datetime, *, returning: Sequence[Key] = ()
) -> int:
    return redecide_locked(
        counter.pk,
        _calls(keys),
        now=now,
        between=_between(keys),
        # What waits for a counter that is off goes on waiting for it.
        without=() if counter.enabled else (COUNTER_OFF,),
        returning=[(call, channel) for call, _at, channel in returning],
    )


def _calls(keys: Iterable[Key]) -> list[int]:
    return list(dict.fromkeys(call for call, _at, _channel in keys))


def _between(keys: Sequence[Key]) -> tuple[datetime, datetime]:
    moments = [at for _call, at, _channel in keys]
    return min(moments), max(moments)
