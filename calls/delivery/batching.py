"""Batches waiting deliveries into uploads, one stream (`calls.delivery.streams`) per file.

Rows are attached and the bytes frozen in one transaction, before anything is sent; after it
neither changes. This module makes no requests.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from calls.decision.horizon import LINK_HORIZON
from calls.delivery import doubt, redecision, takeover
from calls.delivery.csv_writer import JOIN_BY_KEY, write_pieces
from calls.delivery.streams import Stream, StreamKey, due_streams, key_of
from calls.delivery.uploads import create_upload, next_upload_id
from calls.models import StreamUse, Upload
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import Channel, DeliveryState
from counters.models import Counter

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
#: How long a run goes on with streams of which further full files wait: until the next one.
BUILD_SECONDS = 4
#: How often rows are attached anew because one of them turns out to have been sent before.
TRIES = 3


@dataclass(frozen=True)
class Attached:
    """The rows of a new upload. The times and the version are None only when there are no rows."""

    rows: int
    oldest_call_at: datetime
    newest_call_at: datetime
    oldest_settings: int
    #: First and last value of the column that partitions are made by.
    partitions: tuple[datetime, datetime]


_OF_STREAM = f"""counter_id = %(counter)s AND channel = %(channel)s AND id_kind = %(id_kind)s
      AND is_static = %(is_static)s AND state = {DeliveryState.WAITING}
      AND not_before <= %(now)s"""

# Calls of the last day first: a backlog of any length must not delay them.
# By the age of the call: this order is in an index of what waits, so a backlog is not read.
# FOR UPDATE SKIP LOCKED: a second batcher takes other rows, and a row whose call is being changed
# at this moment is left for the next run.
_ATTACH = f"""
WITH of_today AS (
    SELECT call_id, partition_at FROM calls_delivery
    WHERE {_OF_STREAM} AND expires_at > %(today_expires)s
    ORDER BY expires_at LIMIT %(most)s FOR UPDATE SKIP LOCKED
), left_over AS (
    SELECT call_id, partition_at FROM calls_delivery
    WHERE {_OF_STREAM} AND expires_at > %(now)s AND expires_at <= %(today_expires)s
    ORDER BY expires_at LIMIT %(most)s - (SELECT count(*) FROM of_today) FOR UPDATE SKIP LOCKED
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
    RETURNING n.started_at, d.settings_version, d.partition_at
)
SELECT count(*), min(started_at), max(started_at), min(settings_version),
       min(partition_at), max(partition_at) FROM attached
"""


def build_uploads(*, now: datetime, seconds: float = 0) -> int:
    """Build every upload that is due; return how many were built.

    A stream of which a full file was built is asked again at once, as long as fewer than
    ``seconds`` have passed: a backlog goes on without waiting for the next run, one file of each
    stream after the other. Before all that, what became of files that a restored database does not
    know is settled.
    """
    takeover.settle_open_files(now=now)
    takeover.regather_in_doubt(now=now)
    stop_at = time.monotonic() + seconds
    built = _build_each(due_streams(now), now)
    total = len(built)
    while (full := _full_streams(built)) and time.monotonic() < stop_at:
        built = _build_each([one for one in due_streams(now) if key_of(one) in full], now)
        total += len(built)
    return total


def _build_each(streams: Iterable[Stream], now: datetime) -> list[tuple[Stream, Upload]]:
    """Build a file of each stream; return those of which there is one."""
    built = []
    for stream in shutdown.until_requested(streams):
        with isolated_errors(logger, "counter %s", stream.counter_id):
            upload = build_upload(stream, now=now)
            if upload is not None:
                built.append((stream, upload))
            failpoint("after_batch_commit")
    return built


def _full_streams(built: Iterable[tuple[Stream, Upload]]) -> set[StreamKey]:
    return {key_of(one) for one, upload in built if upload.rows >= settings.UPLOAD_MAX_ROWS}


def build_upload(stream: Stream, *, now: datetime) -> Upload | None:
    """Attach up to UPLOAD_MAX_ROWS waiting rows and freeze their bytes.

    None when no row is left, when the counter may not be sent to any more, or while its waiting
    calls are decided again.
    """
    with transaction.atomic():
        # The lock keeps the settings unchanged until the bytes are frozen.
        counters = Counter.objects.select_for_update(of=("self",), no_key=True)
        counter = (
            counters.with_account()
            .select_related("goal", "callback_goal")
            .get(pk=stream.counter_id)
        )
        if not counter.is_sendable or redecision.is_held(counter):
            return None
        if stream.channel is Channel.GOAL and not _has_goal(counter):
            return None
        upload_id = next_upload_id()
        attached = _attach_unsent(stream, counter, upload_id, now)
        if attached is None or not attached.rows:
            return None
        return _freeze(stream, counter, upload_id, attached, now=now)


def _attach_unsent(
    stream: Stream, counter: Counter, upload_id: int, now: datetime
) -> Attached | None:
    """Attach rows that were not sent before the database was restored; None to try again later."""
    if not doubt.is_concerned(counter.pk, stream.channel):
        return _attach_up_to_date(stream, counter, upload_id, now)
    for _try in range(TRIES):
        takeover.settle_waiting(counter.pk, stream.channel, now=now)
        before = transaction.savepoint()
        attached = _attach_up_to_date(stream, counter, upload_id, now)
        # A call that was being stored beside the takeover has come only now.
        if not doubt.has_doubtful_row(upload_id):
            transaction.savepoint_commit(before)
            return attached
        transaction.savepoint_rollback(before)
    return None


def _attach_up_to_date(
    stream: Stream, counter: Counter, upload_id: int, now: datetime
) -> Attached | None:
    """Attach rows; those that were decided by former settings are decided again before that.

    None when there are too many of them to be decided here, or more of them are stored meanwhile.
    """
    for _try in range(TRIES):
        before = transaction.savepoint()
        attached = _attach(stream, upload_id, now)
        if not attached.rows or attached.oldest_settings >= counter.version:
            transaction.savepoint_commit(before)
            return attached
        stale = redecision.stale_rows(upload_id, counter)
        transaction.savepoint_rollback(before)
        if not redecision.decide_stale(counter, stale, now=now):
            return None
    return None


def _attach(stream: Stream, upload_id: int, now: datetime) -> Attached:
    with connection.cursor() as cursor:
        cursor.execute(JOIN_BY_KEY)
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
        rows, oldest, newest, version, first, last = cursor.fetchone()
        return Attached(rows, oldest, newest, version, (first, last))


def _freeze(
    stream: Stream, counter: Counter, upload_id: int, attached: Attached, *, now: datetime
) -> Upload:
    is_goal = stream.channel is Channel.GOAL
    upload = create_upload(
        upload_id=upload_id,
        cabinet_id=counter.cabinet_id,
        counter_id=counter.pk,
        channel=stream.channel,
        id_kind=stream.id_kind,
        is_static=stream.is_static,
        target=counter.targets if is_goal else "",
        pieces=write_pieces(
            upload_id,
            attached.rows,
            counter_id=counter.pk,
            partitions=attached.partitions,
            channel=stream.channel,
            id_kind=stream.id_kind,
            is_static=stream.is_static,
        ),
        rows=attached.rows,
        oldest_call_at=attached.oldest_call_at,
        newest_call_at=attached.newest_call_at,
        now=now,
    )
    _record_use(stream, now)
    failpoint("before_batch_commit")
    return upload


def _record_use(stream: Stream, now: datetime) -> None:
    StreamUse.objects.update_or_create(
        counter_id=stream.counter_id,
        channel=stream.channel,
        id_kind=stream.id_kind,
        is_static=stream.is_static,
        defaults={"built_at": now},
    )


def _has_goal(counter: Counter) -> bool:
    """Whether the chosen goal exists; without it Metrika would refuse the file as a whole."""
    return counter.goal is not None and counter.goal.deleted_at is None
