"""The due work of delivery and its age, for health checks and metrics.

Work is due when it could be done now. Work that waits for a person (a counter that is off, an
account to reconnect), for the maximum batch delay or for quota is not due.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count

from calls.decision.horizon import LINK_HORIZON
from calls.delivery import look
from calls.delivery.look import is_read_sql
from calls.delivery.lookup import grace
from calls.delivery.policy import lookup_spacing
from calls.delivery.streams import Stream, StreamKey, due_streams, filled_at, key_of
from calls.models import Upload
from calls.states import OPEN_UPLOADS, TAKEN_UPLOADS, TO_SEND, UploadState, sql_list
from counters.sendable import REACHABLE, SENDABLE, as_sql
from integrations.limits import clock_skew
from integrations.limits.pauses import ALL_LOGINS, COUNTER_PREFIX
from integrations.limits.quota_reset import day_of, next_midnight
from integrations.limits.request_budget import UPLOAD_SHARE

DAY = timedelta(days=1)
#: The file of a stream that was sent last is among its newest so many.
LATEST_OF_STREAM = 10


@dataclass(frozen=True)
class DueWork:
    """The oldest due item of one kind of work, and when any item of this kind was last done."""

    kind: str
    since: datetime
    moved_at: datetime | None

    @property
    def stalled_since(self) -> datetime:
        """Since when work of this kind has been due and none was done."""
        return max(self.since, self.moved_at or self.since)


# Requests are possible once the pauses of the login, of the counter and of all logins are over, and
# once a day whose share of requests is spent has ended; batching needs no request. Work is due
# since the last of these moments, or since the account or the access returned, because it could not
# be done before. A stream that is not full is due since its previous file was sent and left room.
_OF_COUNTERS = f"""
    SELECT work.kind, min(greatest(work.since, stop.until, a.state_changed_at, k.access_changed_at))
    FROM (
        SELECT 'send' AS kind, counter_id, min(not_before) AS since FROM calls_upload
        WHERE state IN {sql_list(TO_SEND)} AND not_before <= %(now)s
          AND oldest_call_at > %(horizon)s
          AND {is_read_sql("calls_upload.counter_id", "calls_upload.channel")}
        GROUP BY counter_id
        UNION ALL
        SELECT 'list', counter_id, since
        FROM unnest(%(list_counters)s::bigint[], %(list_moments)s::timestamptz[])
            AS unread(counter_id, since)
        UNION ALL
        SELECT 'look up', u.counter_id,
               min(coalesce(u.looked_up_at + %(spacing)s, t.ended_at, u.sent_at))
        FROM calls_upload u
        LEFT JOIN calls_uploadattempt t
          ON t.upload_id = u.id AND t.kind = 'send' AND t.number = u.attempts
        WHERE u.state = 'unclear'
          AND (u.looked_up_at IS NULL OR u.looked_up_at + %(spacing)s <= %(now)s)
        GROUP BY u.counter_id
        UNION ALL
        SELECT 'build', counter_id, CASE WHEN is_full THEN since ELSE greatest(since, (
            SELECT max(sent_at) FILTER (WHERE state NOT IN {sql_list(TO_SEND)}) FROM (
                SELECT u.sent_at, u.state FROM calls_upload u
                WHERE (u.counter_id, u.channel, u.id_kind, u.is_static)
                    = (b.counter_id, b.channel, b.id_kind, b.is_static)
                  AND u.created_at > %(horizon)s
                ORDER BY u.created_at DESC LIMIT {LATEST_OF_STREAM}) AS latest)) END
        FROM unnest(%(stream_counters)s::bigint[], %(stream_channels)s::int[],
                    %(stream_id_kinds)s::int[], %(stream_statics)s::bool[],
                    %(stream_full)s::bool[], %(stream_moments)s::timestamptz[])
            AS b(counter_id, channel, id_kind, is_static, is_full, since)
    ) AS work
    JOIN counters_counter k ON k.id = work.counter_id
    JOIN integrations_yandexaccount a ON a.id = k.account_id
    LEFT JOIN LATERAL (
        SELECT max(greatest(r.paused_until, CASE
            WHEN r.uploads + r.polls + r.other >= %(total)s
              OR (work.kind = 'send' AND r.uploads >= %(share)s)
            THEN (r.day + 1)::timestamp AT TIME ZONE 'UTC' - %(ahead)s END)) AS until
        FROM integrations_requestday r
        WHERE r.yandex_uid IN (a.yandex_uid, '{ALL_LOGINS}', '{COUNTER_PREFIX}' || k.number)
          AND r.day >= %(recent)s AND work.kind <> 'build'
    ) AS stop ON true
    WHERE {as_sql(REACHABLE)} AND (work.kind NOT IN ('send', 'list') OR ({as_sql(SENDABLE)}))
      AND (stop.until IS NULL OR stop.until <= %(now)s)
    GROUP BY work.kind"""

# A bisection waits for its open part until Metrika has it or it has ended.
_OTHERS = """
    SELECT 'search', min(greatest(u.not_before, done.at)) FROM calls_upload u
    LEFT JOIN LATERAL (
        SELECT max(greatest(p.sent_at, p.accepted_at, p.settled_at)) AS at,
               bool_or(p.state = ANY (%(on_their_way)s)) AS is_awaited
        FROM calls_upload p WHERE p.parent_id = u.id
    ) AS done ON true
    WHERE u.state = 'splitting' AND u.not_before <= %(now)s AND done.is_awaited IS NOT TRUE
    UNION ALL
    SELECT 'apply changes', min(requested_at) FROM calls_redecision
    UNION ALL
    SELECT 'release', min(lease_until) FROM calls_upload
    WHERE state = 'sending' AND lease_until <= %(now)s"""

_DUE = f"""
SELECT kind, since, CASE
    WHEN kind = 'build' THEN (SELECT created_at FROM calls_upload ORDER BY id DESC LIMIT 1)
    WHEN kind IN ('send', 'look up') THEN (
        SELECT max(greatest(started_at, ended_at))
        FROM (SELECT * FROM calls_uploadattempt ORDER BY id DESC LIMIT 20) AS latest)
    WHEN kind = 'apply changes' THEN (SELECT max(moved_at) FROM calls_redecision)
    WHEN kind = 'list' THEN (SELECT max(read_whole_at) FROM calls_listuse)
    END AS moved_at
FROM (
    {_OF_COUNTERS}
    UNION ALL {_OTHERS}
) AS due (kind, since) WHERE since IS NOT NULL ORDER BY since
"""


def due_work(now: datetime) -> list[DueWork]:
    """Return the oldest item of each kind of due work, the oldest first."""
    ahead = clock_skew.ahead()
    with connection.cursor() as cursor:
        cursor.execute(_DUE, _parameters(now, ahead) | _streams(now, ahead) | _lists(now))
        return [DueWork(*row) for row in cursor.fetchall()]


def uploads_by_state() -> dict[str, int]:
    """Return the number of uploads in each state, 0 included."""
    counted = dict(Upload.objects.order_by().values_list("state").annotate(Count("pk")))
    return {state: counted.get(state, 0) for state in UploadState.values}


def _parameters(now: datetime, ahead: timedelta) -> dict[str, Any]:
    total = settings.METRIKA_DAILY_REQUESTS
    return {
        "now": now,
        "horizon": now - LINK_HORIZON,
        "spacing": lookup_spacing(grace()),
        "total": total,
        "share": max(1, int(total * UPLOAD_SHARE)),
        "ahead": ahead,
        # A pause may last past midnight, and past the difference to Metrika's clock.
        "recent": day_of(now + ahead - 2 * DAY),
        "on_their_way": [state for state in OPEN_UPLOADS if state not in TAKEN_UPLOADS],
    }


def _streams(now: datetime, ahead: timedelta) -> dict[str, Any]:
    """Return the parameters for streams whose file could be built now, and since when."""
    streams = due_streams(now)
    filled = filled_at(streams, now)
    return {
        "stream_counters": [stream.counter_id for stream in streams],
        "stream_channels": [int(stream.channel) for stream in streams],
        "stream_id_kinds": [int(stream.id_kind) for stream in streams],
        "stream_statics": [stream.is_static for stream in streams],
        "stream_full": [key_of(stream) in filled for stream in streams],
        "stream_moments": [_due_since(stream, filled, now, ahead) for stream in streams],
    }


def _lists(now: datetime) -> dict[str, Any]:
    """Return the parameters for lists that have to be read before something is sent."""
    lists = look.due(now)
    return {
        "list_counters": [one.counter_id for one in lists],
        "list_moments": [one.since for one in lists],
    }


def _due_since(
    stream: Stream, filled: dict[StreamKey, datetime], now: datetime, ahead: timedelta
) -> datetime:
    full = [filled[key_of(stream)]] if key_of(stream) in filled else []
    has_waited = stream.has_room and stream.has_waited(now, ahead)
    waited = [_waited_since(stream, now, ahead)] if has_waited else []
    return min(full + waited, default=now)


def _waited_since(stream: Stream, now: datetime, ahead: timedelta) -> datetime:
    """Return since when its calls have waited the maximum batch delay, to the second.

    The delay gets shorter during the day, so its end as computed now may lie before a time at which
    they still had to wait; hence the binary search. A new day restores the login's quota: nothing
    before it counts.
    """
    day_began_at = next_midnight(now + ahead) - DAY - ahead
    early, late = max(stream.oldest, day_began_at), now
    if stream.has_waited(early, ahead):
        return early
    while late - early > timedelta(seconds=1):
        middle = early + (late - early) / 2
        early, late = (early, middle) if stream.has_waited(middle, ahead) else (middle, late)
    return late
