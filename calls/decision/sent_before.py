"""Attaches calls to the taken-over uploads in which they were sent before a database was restored.

A row of such an upload whose call is not attached is kept as `SentBefore`. The call may come at any
time, because its sender repeats what was lost; it must never be sent again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection

from calls.call_key import call_key_sql
from calls.decision.horizon import LINK_HORIZON
from calls.models import SentBefore
from calls.states import Channel, DeliveryState

#: States of a delivery that is in no upload. What was skipped here was sent all the same.
_FREE = (DeliveryState.WAITING, DeliveryState.SKIPPED, DeliveryState.EXPIRED)
_IN_NO_UPLOAD = f"d.state IN ({', '.join(str(int(state)) for state in _FREE)})"

# A call that is not routed today has no row, and was sent all the same: it gets one.
_ATTACH = f"""
WITH found AS (
    SELECT s.id, s.upload_id, s.row_number, s.call_revision, s.counter_id, s.channel,
           u.id_kind, u.is_static, coalesce(u.sent_at, u.created_at) AS decided_at,
           c.id AS call_id, c.partition_at, c.cabinet_id,
           c.started_at + interval '{LINK_HORIZON.days} days' AS expires_at
    FROM calls_sentbefore s
    JOIN calls_upload u ON u.id = s.upload_id
    JOIN calls_callkey key ON {call_key_sql("key")} = s.call_key
    JOIN calls_call c ON c.id = key.id AND c.partition_at = key.partition_at
    LEFT JOIN calls_delivery d
      ON d.call_id = key.id AND d.partition_at = key.partition_at
     AND d.counter_id = s.counter_id AND d.channel = s.channel
    WHERE (d.call_id IS NULL OR {_IN_NO_UPLOAD}) AND <which>
), first AS (
    SELECT DISTINCT ON (call_id, counter_id, channel) * FROM found
    ORDER BY call_id, counter_id, channel, upload_id
), attached AS (
    INSERT INTO calls_delivery AS d
        (call_id, partition_at, cabinet_id, counter_id, channel, state, id_kind, is_static,
         decided_at, expires_at, settings_version, waited, upload_id, row_number, call_revision)
    SELECT call_id, partition_at, cabinet_id, counter_id, channel, {DeliveryState.BATCHED},
           id_kind, is_static, decided_at, expires_at, 0, false, upload_id, row_number,
           call_revision
    FROM first
    ON CONFLICT (call_id, counter_id, channel, partition_at) DO UPDATE
    SET state = excluded.state, upload_id = excluded.upload_id, row_number = excluded.row_number,
        call_revision = excluded.call_revision, id_kind = excluded.id_kind,
        is_static = excluded.is_static, reason = NULL, compared = NULL, waited = false
    WHERE {_IN_NO_UPLOAD}
    RETURNING d.call_id, d.counter_id, d.channel
)
DELETE FROM calls_sentbefore WHERE id IN (
    SELECT first.id FROM first JOIN attached USING (call_id, counter_id, channel))
"""

# The calls of this file that are in the database and in another upload.
_MARK_HELD = f"""
UPDATE calls_sentbefore s SET held_by_id = d.upload_id
FROM calls_callkey key, calls_delivery d
WHERE s.upload_id = %(upload)s AND {call_key_sql("key")} = s.call_key
  AND d.call_id = key.id AND d.partition_at = key.partition_at
  AND d.counter_id = s.counter_id AND d.channel = s.channel
  AND d.upload_id IS NOT NULL AND d.upload_id <> s.upload_id
"""

_IN_FILE = f"""
SELECT EXISTS (
    SELECT 1 FROM calls_delivery d
    JOIN calls_callkey key ON key.id = d.call_id
    JOIN calls_sentbefore s ON s.call_key = {call_key_sql("key")}
     AND s.counter_id = d.counter_id AND s.channel = d.channel
    WHERE d.upload_id = %(upload)s)
"""

# A call that is stored under another of its ids has another key.
_ATTACH_ALIASES = f"""
UPDATE calls_sentbefore s SET call_key = {call_key_sql("stored")}
FROM unnest(%(aliases)s::text[], %(ids)s::text[]) AS known(alias, external_id),
     LATERAL (SELECT %(cabinet)s::bigint AS cabinet_id, known.alias AS external_id) AS other,
     LATERAL (SELECT %(cabinet)s::bigint AS cabinet_id, known.external_id) AS stored
WHERE s.call_key = {call_key_sql("other")}
"""


def attach_calls(call_ids: Sequence[int]) -> int:
    """Attach the deliveries of these calls; return how many. Runs in the caller's transaction.

    A call that was sent to a counter which it does not concern now gets a row for it.
    """
    return _attach("key.id = ANY (%(calls)s::bigint[])", calls=list(call_ids))


def attach_rows(upload_id: int) -> int:
    """Attach the deliveries of a taken-over upload that are in no upload; return how many."""
    return _attach("s.upload_id = %(upload)s", upload=upload_id)


def attach_waiting(counter_id: int, channel: Channel) -> int:
    """Attach what waits in a stream to the upload in which it was sent; return how many."""
    return _attach(
        f"d.state = {DeliveryState.WAITING} AND d.counter_id = %(counter)s"
        " AND d.channel = %(channel)s",
        counter=counter_id,
        channel=channel,
    )


def use_alias_keys(cabinet_id: int, aliases: Mapping[str, str]) -> None:
    """Give the rows of calls that came under another id now the key of that id.

    ``aliases``: a weaker id of a call → the id under which it is stored.
    """
    if aliases:
        _execute(
            _ATTACH_ALIASES,
            cabinet=cabinet_id,
            aliases=list(aliases),
            ids=list(aliases.values()),
        )


def mark_held(upload_id: int) -> int:
    """Note which calls of a taken-over upload are in another upload; return how many."""
    return _execute(_MARK_HELD, upload=upload_id)


def is_in_file(upload_id: int) -> bool:
    """Whether a row of this upload is also a row of a taken-over upload."""
    with connection.cursor() as cursor:
        cursor.execute(_IN_FILE, {"upload": upload_id})
        return bool(cursor.fetchone()[0])


def missing_rows(upload_id: int) -> int:
    """Return how many calls of a taken-over upload are not in the database."""
    return SentBefore.objects.filter(upload_id=upload_id, held_by=None).count()


def _attach(which: str, **parameters: Any) -> int:
    return _execute(_ATTACH.replace("<which>", which), **parameters)


def _execute(statement: str, **parameters: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return int(cursor.rowcount)
