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
    #: Number of waiting deliveries, and since when the first of them has been due.
    calls: int
    oldest: datetime
    #: Streams that share the login's day, and the uploads that the login has spent today.
    streams: int
    uploads_today: int
    #: Unsent files, without those that failed MAX_FAILED_ATTEMPTS times.
    unsent: int
    #: Whether Metrika's list need not be read before something is sent: `calls.delivery.look`.
    is_read: bool

    @property
    def is_full(self) -> bool:
        """Whether the waiting deliveries fill a file."""
        return self.calls >= settings.UPLOAD_MAX_ROWS

    def is_due(self, now: datetime, ahead: timedelta) -> bool:
        """Whether a file is to be built now; ``ahead`` as in `has_waited`."""
        is_full = self.is_full or (self.has_room and self.has_waited(now, ahead))
        return is_full and self.is_read

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


_DUE_STREAMS = f"""
WITH waiting AS (
    SELECT a.yandex_uid, d.counter_id, d.channel, d.id_kind, d.is_static,
           count(*) AS due, min(d.not_before) AS oldest
    FROM calls_delivery d
    JOIN counters_counter k ON k.id = d.counter_id
    JOIN integrations_yandexaccount a ON a.id = k.account_id
    LEFT JOIN counters_goal g ON g.id = k.goal_id
    WHERE d.state = {DeliveryState.WAITING} AND d.not_before <= %(now)s AND d.expires_at > %(now)s
      AND (d.channel <> {Channel.GOAL} OR (g.id IS NOT NULL AND g.deleted_at IS NULL))
      AND {as_sql(SENDABLE)}
      AND NOT EXISTS (SELECT 1 FROM calls_redecision held WHERE held.counter_id = d.counter_id)
      AND (%(counters)s::bigint[] IS NULL OR a.yandex_uid IN (
          SELECT named.yandex_uid FROM counters_counter c
          JOIN integrations_yandexaccount named ON named.id = c.account_id
          WHERE c.id = ANY(%(counters)s::bigint[])
      ))
    GROUP BY a.yandex_uid, d.counter_id, d.channel, d.id_kind, d.is_static
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
SELECT counter_id, channel, id_kind, is_static, due, oldest,
       (SELECT streams FROM sharing WHERE sharing.yandex_uid = waiting.yandex_uid) AS streams,
       coalesce((SELECT uploads FROM integrations_requestday r
                 WHERE r.yandex_uid = waiting.yandex_uid AND r.day = %(today)s), 0) AS spent,
       coalesce(files, 0) AS unsent,
       {is_read_sql("waiting.counter_id", "waiting.channel")} AS is_read
FROM waiting LEFT JOIN unsent USING (counter_id, channel, id_kind, is_static) ORDER BY oldest
"""


def due_streams(now: datetime) -> list[Stream]:
    """Return the streams of which a file is to be built now, longest wait first."""
    ahead = clock_skew.ahead()
    return [stream for stream in _streams(now, ahead) if stream.is_due(now, ahead)]


def gathered_by(counters: Iterable[int], *, now: datetime) -> dict[StreamKey, datetime]:
    """Return by when the streams of these counters (ids) are gathered in a file, in one query.

    Left out are those of which a file is due now, those with MAX_UNSENT files, which wait for these
    to leave, and those whose list has to be read first, and what is being decided again.
    """
    ahead = clock_skew.ahead()
    return {
        key_of(stream): stream.waits_until(now, ahead)
        for stream in _streams(now, ahead, counters=list(counters))
        if stream.has_room and stream.is_read and not stream.is_due(now, ahead)
    }


def key_of(row: Stream | Delivery) -> StreamKey:
    """Return the key of the stream itself, or of the one that a delivery is in."""
    return row.counter_id, row.channel, row.id_kind, row.is_static


def _streams(
    now: datetime, ahead: timedelta, counters: list[int] | None = None
) -> Iterator[Stream]:
    """Return the streams with waiting deliveries: all, or those of these counters' logins."""
    values = {"now": now, "today": day_of(now + ahead), "counters": counters}
    with connection.cursor() as cursor:
        cursor.execute(_DUE_STREAMS, values)
        rows = cursor.fetchall()
    return map(_stream, rows)


def _stream(row: tuple[Any, ...]) -> Stream:
    return Stream(row[0], Channel(row[1]), IdKind(row[2]), *row[3:])
