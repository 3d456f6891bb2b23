"""Streams: the waiting deliveries that may share a file, and which of them are due to be batched.

A stream is one counter, channel, kind of identifier, and static calls or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from calls.delivery.batch_delay import max_batch_delay
from calls.delivery.look import is_read_sql
from calls.models import Delivery
from calls.states import TO_SEND, Channel, DeliveryState, IdKind, sql_list
from counters.sendable import SENDABLE, as_sql
from integrations.limits import clock_skew
from integrations.limits.quota_reset import day_of, next_midnight

#: Unsent files of a stream. While its login is paused or has spent its day, calls are collected in
#: one large file instead of many, each of which would cost a request later. (While Metrika is
#: unavailable, every attempt costs a request too, and the batch delay grows with them.)
MAX_UNSENT = 3
#: A file that failed this often does not count as unsent: it may be the only one that Metrika
#: cannot process.
MAX_FAILED_ATTEMPTS = 12


#: Counter id, channel, kind of identifier, static.
StreamKey = tuple[int, int, int | None, bool]


@dataclass(frozen=True)
class Stream:
    """A stream with waiting deliveries, and what its batch delay depends on."""

    counter_id: int
    channel: Channel
    id_kind: IdKind
    is_static: bool
    #: Since when the first of its waiting deliveries has been due.
    oldest: datetime
    #: Streams that share the login's day, and the uploads that the login has spent today.
    streams: int
    uploads_today: int
    #: Unsent files, without those that failed MAX_FAILED_ATTEMPTS times.
    unsent: int
    #: Whether Metrika's list need not be read before something is sent: `calls.delivery.look`.
    is_read: bool

    @property
    def has_room(self) -> bool:
        """Whether a file that is not full may be added to the unsent ones."""
        return self.unsent < MAX_UNSENT

    def has_waited(self, now: datetime, ahead: timedelta) -> bool:
        """Whether the batch delay is over. Metrika's clock is ``ahead`` of ours."""
        return self.waits_until(now, ahead) <= now

    def waits_until(self, now: datetime, ahead: timedelta) -> datetime:
        """Return when the batch delay is over, as far as is known now. It may end sooner."""
        metrika_now = now + ahead
        return self.oldest + max_batch_delay(
            streams=self.streams,
            uploads_today=self.uploads_today,
            daily_requests=settings.METRIKA_DAILY_REQUESTS,
            day_left=next_midnight(metrika_now) - metrika_now,
        )


# From one stream's place in the index delivery_queue to the next one: what is read grows with the
# number of streams, not of waiting deliveries.
_STREAMS = f"""
WITH RECURSIVE stream AS (
    (SELECT counter_id, channel, id_kind, is_static FROM calls_delivery
     WHERE state = {DeliveryState.WAITING}
     ORDER BY counter_id, channel, id_kind, is_static LIMIT 1)
    UNION ALL
    SELECT following.* FROM stream s CROSS JOIN LATERAL (
        SELECT counter_id, channel, id_kind, is_static FROM calls_delivery
        WHERE state = {DeliveryState.WAITING}
          AND (counter_id, channel, id_kind, is_static)
            > (s.counter_id, s.channel, s.id_kind, s.is_static)
        ORDER BY counter_id, channel, id_kind, is_static LIMIT 1
    ) AS following
), waiting AS (
    SELECT a.yandex_uid, d.counter_id, d.channel, d.id_kind, d.is_static,
           earliest.not_before AS oldest
    FROM stream d
    JOIN counters_counter k ON k.id = d.counter_id
    JOIN integrations_yandexaccount a ON a.id = k.account_id
    LEFT JOIN counters_goal g ON g.id = k.goal_id
    CROSS JOIN LATERAL (
        SELECT not_before FROM calls_delivery w
        WHERE w.counter_id = d.counter_id AND w.channel = d.channel AND w.id_kind = d.id_kind
          AND w.is_static = d.is_static AND w.state = {DeliveryState.WAITING}
          AND w.not_before <= %(now)s AND w.expires_at > %(now)s
        ORDER BY w.not_before LIMIT 1
    ) AS earliest
    WHERE (d.channel <> {Channel.GOAL} OR (g.id IS NOT NULL AND g.deleted_at IS NULL))
      AND {as_sql(SENDABLE)}
      AND NOT EXISTS (SELECT 1 FROM calls_redecision held WHERE held.counter_id = d.counter_id)
      AND (%(counters)s::bigint[] IS NULL OR a.yandex_uid IN (
          SELECT named.yandex_uid FROM counters_counter c
          JOIN integrations_yandexaccount named ON named.id = c.account_id
          WHERE c.id = ANY(%(counters)s::bigint[])
      ))
), sharing AS (
    SELECT yandex_uid, count(*) AS streams FROM (
        SELECT yandex_uid, counter_id, channel, id_kind, is_static FROM waiting
        UNION
        SELECT a.yandex_uid, s.counter_id, s.channel, s.id_kind, s.is_static
        FROM calls_streamuse s
        JOIN counters_counter k ON k.id = s.counter_id
        JOIN integrations_yandexaccount a ON a.id = k.account_id
        WHERE s.built_at > %(now)s - interval '1 day'
    ) AS active GROUP BY yandex_uid
), unsent AS (
    SELECT counter_id, channel, id_kind, is_static, count(*) AS files
    FROM calls_upload WHERE state IN {sql_list(TO_SEND)} AND attempts < {MAX_FAILED_ATTEMPTS}
    GROUP BY counter_id, channel, id_kind, is_static
)
SELECT counter_id, channel, id_kind, is_static, oldest,
       (SELECT streams FROM sharing WHERE sharing.yandex_uid = waiting.yandex_uid) AS streams,
       coalesce((SELECT uploads FROM integrations_requestday r
                 WHERE r.yandex_uid = waiting.yandex_uid AND r.day = %(today)s), 0) AS spent,
       coalesce(files, 0) AS unsent,
       {is_read_sql("waiting.counter_id", "waiting.channel")} AS is_read
FROM waiting LEFT JOIN unsent USING (counter_id, channel, id_kind, is_static) ORDER BY oldest
"""


_FILLED = f"""
SELECT s.counter_id, s.channel, s.id_kind, s.is_static, last.not_before
FROM unnest(%(counters)s::bigint[], %(channels)s::int[], %(id_kinds)s::int[], %(statics)s::bool[])
    AS s(counter_id, channel, id_kind, is_static)
CROSS JOIN LATERAL (
    SELECT not_before FROM calls_delivery w
    WHERE w.counter_id = s.counter_id AND w.channel = s.channel AND w.id_kind = s.id_kind
      AND w.is_static = s.is_static AND w.state = {DeliveryState.WAITING}
      AND w.not_before <= %(now)s AND w.expires_at > %(now)s
    ORDER BY w.not_before LIMIT 1 OFFSET %(most)s - 1
) AS last
"""


def due_streams(now: datetime) -> list[Stream]:
    """Return the streams of which a file is to be built now, longest wait first."""
    ahead = clock_skew.ahead()
    streams = list(_streams(now, ahead))
    due = _due_keys(streams, now, ahead)
    return [stream for stream in streams if key_of(stream) in due]


def gathered_by(counters: Iterable[int], *, now: datetime) -> dict[StreamKey, datetime]:
    """Return by when, at the latest, the streams of these counters (ids) are gathered in a file.

    Left out are those whose delay is over, those with MAX_UNSENT files, which wait for these to
    leave, those whose list has to be read first, and what is being decided again. In one query.
    """
    ahead = clock_skew.ahead()
    return {
        key_of(stream): stream.waits_until(now, ahead)
        for stream in _streams(now, ahead, counters=list(counters))
        if stream.has_room and stream.is_read and not stream.has_waited(now, ahead)
    }


def filled_at(streams: Iterable[Stream], now: datetime) -> dict[StreamKey, datetime]:
    """Return since when each stream has had a full file waiting; left out are those without one.

    It reads up to UPLOAD_MAX_ROWS deliveries of each.
    """
    keys = [key_of(stream) for stream in streams]
    if not keys:
        return {}
    names = ("counters", "channels", "id_kinds", "statics")
    values = dict(zip(names, map(list, zip(*keys, strict=True)), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(_FILLED, values | {"now": now, "most": settings.UPLOAD_MAX_ROWS})
        return {(row[0], row[1], row[2], row[3]): row[4] for row in cursor.fetchall()}


def key_of(row: Stream | Delivery) -> StreamKey:
    """Return the key of the stream itself, or of the one that a delivery is in."""
    return row.counter_id, row.channel, row.id_kind, row.is_static


def _due_keys(streams: Iterable[Stream], now: datetime, ahead: timedelta) -> set[StreamKey]:
    """Return the keys of those of which a file is to be built now."""
    readable = [stream for stream in streams if stream.is_read]
    waited = {key_of(one) for one in readable if one.has_room and one.has_waited(now, ahead)}
    # Only of the others their number matters.
    return waited | filled_at((one for one in readable if key_of(one) not in waited), now).keys()


def _streams(
    now: datetime, ahead: timedelta, counters: list[int] | None = None
) -> Iterator[Stream]:
    """Return the streams with waiting deliveries: all, or those of these counters' logins."""
    values = {"now": now, "today": day_of(now + ahead), "counters": counters}
    with connection.cursor() as cursor:
        cursor.execute(_STREAMS, values)
        rows = cursor.fetchall()
    return map(_stream, rows)


def _stream(row: tuple[Any, ...]) -> Stream:
    return Stream(row[0], Channel(row[1]), IdKind(row[2]), *row[3:])
