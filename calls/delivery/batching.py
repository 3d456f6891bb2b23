"""Gathers waiting deliveries into uploads: one counter, channel, identifier kind, static or not.

Rows are attached and the bytes frozen in one transaction, before anything is sent; from then on
neither changes. Nothing here talks to the network.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from calls.decision.decide import LINK_HORIZON, decide_again
from calls.delivery.csv_writer import write_file
from calls.delivery.uploads import create_upload
from calls.models import StreamUse, Upload
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Channel, DeliveryState, IdKind
from counters.models import Counter
from integrations.limits import clock_skew
from integrations.limits.quota_reset import day_of, next_midnight
from integrations.limits.request_budget import UPLOAD_SHARE
from integrations.models import YandexAccount

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
#: Until so much of a day's uploads is spent nobody waits longer than UPLOAD_MIN_WAIT_SECONDS.
FREE_SHARE = 0.08
#: So much is shared out after that. What is left over is for second tries and searches.
PLANNED_SHARE = 0.87
#: So many files of a stream may wait to leave. While its login is paused or its day is spent, calls
#: gather for one large file and not for many, each of which would cost a request later. (While
#: Metrika is down every try costs one as well, and the wait for company grows with them.)
MAX_UNSENT = 3
#: A file that failed so often is not waited for: it may be the only one that Metrika cannot digest.
MAX_FAILED_ATTEMPTS = 12


@dataclass(frozen=True)
class Stream:
    """What may share a file, how much of it waits, and what it shares its login's day with."""

    counter_id: int
    channel: Channel
    id_kind: IdKind
    is_static: bool
    calls: int
    oldest: datetime
    streams: int
    uploads_today: int
    #: How many of its files wait to leave, but for the hopeless ones.
    unsent: int

    @property
    def is_full(self) -> bool:
        """Whether its calls need no company any more."""
        return self.calls >= settings.UPLOAD_MAX_ROWS

    def is_due(self, now: datetime, ahead: timedelta) -> bool:
        """Whether a file is to be gathered now."""
        return self.is_full or (self.has_room and self.has_waited(now, ahead))

    @property
    def has_room(self) -> bool:
        """Whether a file that is not full may join those that wait to leave."""
        return self.unsent < MAX_UNSENT

    def has_waited(self, now: datetime, ahead: timedelta) -> bool:
        """Whether its calls had waited long enough, with Metrika's clock so far ahead of ours."""
        there = now + ahead
        wait = max_batch_delay(
            streams=self.streams,
            uploads_today=self.uploads_today,
            daily_requests=settings.METRIKA_DAILY_REQUESTS,
            day_left=next_midnight(there) - there,
        )
        return self.oldest + wait <= now


@dataclass(frozen=True)
class Attached:
    """What a new upload consists of. The moments are None only when there are no rows."""

    rows: int
    oldest_call_at: datetime
    newest_call_at: datetime
    oldest_settings: int


def max_batch_delay(
    *, streams: int, uploads_today: int, daily_requests: int, day_left: timedelta
) -> timedelta:
    """Return how long a call waits for company, so that its Yandex login's day lasts.

    While requests are plenty: UPLOAD_MIN_WAIT_SECONDS. After that every stream of the login gets
    an equal share of the day, whatever the others do: of what was planned, or of what is left when
    more than that was spent.
    """
    minimum = timedelta(seconds=settings.UPLOAD_MIN_WAIT_SECONDS)
    allowance = daily_requests * UPLOAD_SHARE
    if uploads_today < allowance * FREE_SHARE:
        return minimum
    planned = DAY * (streams / (allowance * PLANNED_SHARE))
    left = day_left * (streams / max(1, allowance - uploads_today))
    return max(minimum, planned, left)


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
      AND k.enabled AND k.removed_at IS NULL AND k.configured_at IS NOT NULL
      AND k.access = %(ok)s AND a.state = ANY (%(usable)s)
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
    FROM calls_upload WHERE state IN ('ready', 'later') AND attempts < {MAX_FAILED_ATTEMPTS}
    GROUP BY counter_id, channel, id_kind, is_static
)
SELECT counter_id, channel, id_kind, is_static, due, oldest,
       (SELECT streams FROM sharing WHERE sharing.yandex_uid = waiting.yandex_uid) AS streams,
       coalesce((SELECT uploads FROM integrations_requestday r
                 WHERE r.yandex_uid = waiting.yandex_uid AND r.day = %(today)s), 0) AS spent,
       coalesce(files, 0) AS unsent
FROM waiting LEFT JOIN unsent USING (counter_id, channel, id_kind, is_static) ORDER BY oldest
"""

_OF_STREAM = f"""counter_id = %(counter)s AND channel = %(channel)s AND id_kind = %(id_kind)s
      AND is_static = %(is_static)s AND state = {DeliveryState.WAITING}
      AND not_before <= %(now)s"""

# Calls of the last day first: a backlog of any length must not hold them up.
# FOR UPDATE SKIP LOCKED: a second batcher takes other rows, and a row whose call is being
# changed this very moment is left for the next round.
_ATTACH = f"""
WITH of_today AS (
    SELECT call_id, partition_at FROM calls_delivery
    WHERE {_OF_STREAM} AND expires_at > %(today_expires)s
    ORDER BY not_before LIMIT %(most)s FOR UPDATE SKIP LOCKED
), left_over AS (
    SELECT call_id, partition_at FROM calls_delivery
    WHERE {_OF_STREAM} AND expires_at > %(now)s AND expires_at <= %(today_expires)s
    ORDER BY not_before LIMIT %(most)s - (SELECT count(*) FROM of_today) FOR UPDATE SKIP LOCKED
), picked AS (
    SELECT * FROM of_today UNION ALL SELECT * FROM left_over
), numbered AS (
    SELECT p.call_id, p.partition_at, c.revision, c.started_at,
           row_number() OVER (ORDER BY c.started_at, c.id) AS place
    FROM picked p JOIN calls_call c ON c.id = p.call_id AND c.partition_at = p.partition_at
), attached AS (
    UPDATE calls_delivery d
    SET state = {DeliveryState.BATCHED}, upload_id = %(upload)s, row_number = n.place,
        call_revision = n.revision
    FROM numbered n
    WHERE d.call_id = n.call_id AND d.partition_at = n.partition_at
      AND d.counter_id = %(counter)s AND d.channel = %(channel)s
    RETURNING n.started_at, d.settings_version
)
SELECT count(*), min(started_at), max(started_at), min(settings_version) FROM attached
"""


def build_uploads(*, now: datetime) -> int:
    """Build every upload that is due; return how many were built."""
    built = 0
    for stream in shutdown.until_requested(due_streams(now)):
        with isolated_errors(logger, "counter %s", stream.counter_id):
            built += build_upload(stream, now=now) is not None
            failpoint("after_batch_commit")
    return built


def due_streams(now: datetime) -> list[Stream]:
    """Return the streams of which a file is to be gathered, longest wait first."""
    ahead = clock_skew.ahead()
    with connection.cursor() as cursor:
        cursor.execute(
            _DUE_STREAMS,
            {
                "now": now,
                "today": day_of(now + ahead),
                "ok": Counter.Access.OK,
                "usable": list(YandexAccount.USABLE),
            },
        )
        streams = [_stream(row) for row in cursor.fetchall()]
    return [one for one in streams if one.is_due(now, ahead)]


def build_upload(stream: Stream, *, now: datetime) -> Upload | None:
    """Attach up to UPLOAD_MAX_ROWS waiting rows and freeze their bytes; None when none is left."""
    with transaction.atomic():
        # Settings cannot change between here and the frozen bytes.
        counter = (
            Counter.objects.select_for_update(of=("self",), no_key=True)
            .select_related("goal")
            .get(pk=stream.counter_id)
        )
        if not counter.enabled or counter.removed_at or not counter.configured_at:
            return None
        if stream.channel is Channel.GOAL and not _has_goal(counter):
            return None
        upload_id = _next_upload_id()
        attached = _attach_up_to_date(stream, counter, upload_id, now)
        if not attached.rows:
            return None
        return _freeze(stream, counter, upload_id, attached, now=now)


def _attach_up_to_date(stream: Stream, counter: Counter, upload_id: int, now: datetime) -> Attached:
    """Attach rows; what was decided by older settings, while these were saved, anew first."""
    before = transaction.savepoint()
    attached = _attach(stream, upload_id, now)
    if not attached.rows or attached.oldest_settings >= counter.version:
        transaction.savepoint_commit(before)
        return attached
    transaction.savepoint_rollback(before)
    decide_again(counter.pk, now=now, older_than=counter.version)
    return _attach(stream, upload_id, now)


def _freeze(
    stream: Stream,
    counter: Counter,
    upload_id: int,
    attached: Attached,
    *,
    now: datetime,
) -> Upload:
    body = write_file(
        upload_id, channel=stream.channel, id_kind=stream.id_kind, is_static=stream.is_static
    )
    upload = create_upload(
        upload_id=upload_id,
        cabinet_id=counter.cabinet_id,
        counter_id=counter.pk,
        channel=stream.channel,
        id_kind=stream.id_kind,
        is_static=stream.is_static,
        target=counter.goal.identifier if stream.channel is Channel.GOAL and counter.goal else "",
        body=body,
        rows=attached.rows,
        oldest_call_at=attached.oldest_call_at,
        newest_call_at=attached.newest_call_at,
        now=now,
    )
    StreamUse.objects.update_or_create(
        counter=counter,
        channel=stream.channel,
        id_kind=stream.id_kind,
        is_static=stream.is_static,
        defaults={"built_at": now},
    )
    failpoint("before_batch_commit")
    return upload


def _attach(stream: Stream, upload_id: int, now: datetime) -> Attached:
    with connection.cursor() as cursor:
        cursor.execute(
            _ATTACH,
            {
                "counter": stream.counter_id,
                "channel": stream.channel,
                "id_kind": stream.id_kind,
                "is_static": stream.is_static,
                "now": now,
                "today_expires": now + LINK_HORIZON - DAY,
                "most": settings.UPLOAD_MAX_ROWS,
                "upload": upload_id,
            },
        )
        return Attached(*cursor.fetchone())


def _has_goal(counter: Counter) -> bool:
    """Whether the chosen goal is there; without it Metrika would refuse the file as a whole."""
    return counter.goal is not None and counter.goal.deleted_at is None


def _next_upload_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('calls_upload', 'id'))")
        return int(cursor.fetchone()[0])


def _stream(row: tuple[Any, ...]) -> Stream:
    return Stream(row[0], Channel(row[1]), IdKind(row[2]), *row[3:])
