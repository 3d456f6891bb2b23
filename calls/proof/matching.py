"""Compares the logs of some days with the rows that were sent, in a few statements.

A hit is a row of ours when upload, moment, ClientID (where the row names it), durations (channel
of calls) and goal (channel of goals) are equal. Equal rows are matched one to one. What is left of
the hits was not sent by us; what is left of the rows is not in Metrika, once it had three days.

Where most hits are rows of ours but for the same difference of time, a zone's, the counter's time
zone was changed in Metrika: all is compared with that difference. A few hits may be so by accident,
and rows at regular times are so by several differences: then nothing is said of any row until the
zone was read from Metrika again, and is what it was if they still are.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.backends.utils import CursorWrapper

from calls.forecast import record
from calls.models import LogRequest
from calls.models.proof import FINAL_AFTER, UnknownLogRow
from calls.models.reports import zone_of
from calls.proof import errors
from calls.proof.sent_rows import NO_SHIFT, stage
from calls.states import Channel, IdKind, LinkResult

Kind = UnknownLogRow.Kind

#: Of a result: by how many seconds times in the logs are later than in the counter's zone.
ZONE_SHIFT = "zone_shift"
#: So many rows without one match are no rows that are missing, but logs that we misread.
NOT_UNDERSTOOD = 20


#: So few hits may be some rows of ours at another time by accident.
LEAST_SHIFTED = 3


class NotUnderstood(Exception):
    """No hit has the values of any row: nothing is said about them."""


class ZoneUnknown(Exception):
    """The hits may be rows of ours in another time zone, but it is not certain: the same."""


# Rows of static calls, and of other identifiers than ClientID, are compared without it. Of
# conversions the logs have no durations; a duration that is not known may be written as zero.
_WORK = f"""
WITH target AS (
    SELECT u.id AS upload_id, min(g.goal_id) AS goal_id
    FROM calls_upload u
    CROSS JOIN LATERAL unnest(string_to_array(u.target, E'\\n')) AS named(identifier)
    JOIN counters_goal g ON g.counter_id = u.counter_id AND g.identifier = named.identifier
    WHERE u.counter_id = %(counter)s AND u.channel = {Channel.GOAL}
      AND u.id IN (SELECT upload_id FROM calls_logsentrow WHERE request_id = %(request)s)
    GROUP BY u.id, named.identifier
), ours AS (
    SELECT u.id, u.channel, u.id_kind = {IdKind.CLIENT_ID} AND NOT u.is_static AS has_client,
           numbers.uploading_id, numbers.uploading_id <> u.uploading_id AS is_second
    FROM calls_upload u
    CROSS JOIN LATERAL unnest(array_append(u.duplicate_ids, u.uploading_id))
        AS numbers(uploading_id)
    WHERE u.counter_id = %(counter)s AND u.uploading_id IS NOT NULL AND u.taken_over_at IS NULL
), hit AS MATERIALIZED (
    SELECT h.uploading_id, o.id AS upload_id, h.moment, h.visit_id, h.talk AS talk_there,
           h.hold AS hold_there, h.part, h.line, o.is_second,
           CASE WHEN o.has_client THEN h.client_id ELSE '' END AS client_id,
           CASE WHEN o.channel = {Channel.CALLS} THEN coalesce(h.talk, 0) ELSE 0 END AS talk,
           CASE WHEN o.channel = {Channel.CALLS} THEN coalesce(h.hold, 0) ELSE 0 END AS hold,
           CASE WHEN o.channel = {Channel.GOAL} THEN coalesce((
               SELECT min(t.goal_id) FROM target t
               WHERE t.upload_id = o.id AND t.goal_id = ANY (h.goals)), 0) ELSE 0 END AS goal_id
    FROM calls_loghit h JOIN ours o ON o.uploading_id = h.uploading_id
    WHERE h.request_id = %(request)s AND left(h.moment, 10) BETWEEN %(first)s AND %(last)s
), numbered_hit AS MATERIALIZED (
    SELECT hit.*, row_number() OVER (
        PARTITION BY upload_id, moment, client_id, talk, hold, goal_id
        ORDER BY is_second, visit_id = '', visit_id, part, line) AS place
    FROM hit
), sent AS MATERIALIZED (
    SELECT s.id, s.upload_id, s.moment, s.client_id, coalesce(s.talk, 0) AS talk,
           coalesce(s.hold, 0) AS hold, coalesce(s.goal_id, 0) AS goal_id,
           row_number() OVER (
        PARTITION BY s.upload_id, s.moment, s.client_id, coalesce(s.talk, 0),
                     coalesce(s.hold, 0), coalesce(s.goal_id, 0)
        ORDER BY s.row_number) AS place
    FROM calls_logsentrow s WHERE s.request_id = %(request)s
)"""
_SAME = """s.upload_id = h.upload_id AND s.moment = h.moment AND s.client_id = h.client_id
    AND s.talk = h.talk AND s.hold = h.hold AND s.goal_id = h.goal_id"""
_PAIR = f"{_SAME} AND s.place = h.place"

_HASHES_ONLY = "SET LOCAL enable_nestloop = off; SET LOCAL enable_mergejoin = off"
_ANY_JOIN = "SET LOCAL enable_nestloop = on; SET LOCAL enable_mergejoin = on"

_COUNTS = f"""
SELECT (SELECT count(*) FROM calls_logsentrow WHERE request_id = %(request)s),
       (SELECT count(*) FROM calls_loghit WHERE request_id = %(request)s),
       (SELECT count(*) FROM calls_logsentrow
        WHERE request_id = %(request)s AND result <> {LinkResult.ABSENT})
"""

# Hits that are rows of ours at another time of day, by the difference: zones differ by quarters of
# an hour, and by 26 hours at most. A sample is enough: it is that of most hits, or of none.
_SHIFTS = f"""{_WORK}, sample AS MATERIALIZED (
    SELECT h.*, extract(epoch FROM h.moment::timestamp)::bigint AS at FROM numbered_hit h
    WHERE NOT EXISTS (SELECT 1 FROM sent s WHERE {_PAIR}) LIMIT 1000
), timed AS MATERIALIZED (
    SELECT s.*, extract(epoch FROM s.moment::timestamp)::bigint AS at FROM sent s
), shifted AS (
    SELECT h.at - s.at AS seconds,
           count(DISTINCT (h.part, h.line)) AS hits, count(DISTINCT s.id) AS rows
    FROM sample h JOIN timed s ON s.upload_id = h.upload_id AND s.client_id = h.client_id
        AND s.talk = h.talk AND s.hold = h.hold AND s.goal_id = h.goal_id
        AND s.at %% 900 = h.at %% 900
    WHERE abs(h.at - s.at) BETWEEN 900 AND 26 * 3600
    GROUP BY 1
)
SELECT seconds, least(hits, rows),
       hits = lead(hits, 1, 0::bigint) OVER (ORDER BY hits DESC, abs(seconds), seconds)
FROM shifted
WHERE hits * 2 > (SELECT count(*) FROM sample)
ORDER BY hits DESC, abs(seconds), seconds LIMIT 1
"""

_JUDGE = f"""{_WORK}
UPDATE calls_logsentrow r
SET visit_id = coalesce(h.visit_id, ''), result = CASE
    WHEN h.upload_id IS NULL THEN {LinkResult.ABSENT}
    WHEN h.visit_id <> '' THEN {LinkResult.LINKED} ELSE {LinkResult.NO_VISIT} END
FROM sent s LEFT JOIN numbered_hit h ON {_PAIR}
WHERE r.id = s.id
"""
# The call of a row: by the ledger, or by the repeat that a person ordered.
# What was once found stays when it is not there any more. Logs that were ordered earlier and are
# compared later change nothing.
_IS_LOST = f"excluded.result = {LinkResult.ABSENT}"
_CHANGED = f"""
    result = CASE WHEN {_IS_LOST} THEN p.result ELSE excluded.result END,
    visit_id = CASE WHEN {_IS_LOST} THEN p.visit_id ELSE excluded.visit_id END,
    visit_at = CASE WHEN {_IS_LOST} OR p.visit_id = excluded.visit_id THEN p.visit_at END"""
_PROVE = f"""
INSERT INTO calls_linkproof AS p
    (upload_id, row_number, call_id, partition_at, cabinet_id, counter_id, channel, result,
     visit_id, proved_at)
SELECT s.upload_id, s.row_number, coalesce(d.call_id, r.call_id),
       coalesce(d.partition_at, k.partition_at), u.cabinet_id, u.counter_id, u.channel, s.result,
       s.visit_id, %(proved_at)s
FROM calls_logsentrow s
JOIN calls_upload u ON u.id = s.upload_id
LEFT JOIN calls_delivery d ON d.upload_id = s.upload_id AND d.row_number = s.row_number
LEFT JOIN calls_resend r ON r.upload_id = s.upload_id
LEFT JOIN calls_callkey k ON k.id = r.call_id
WHERE s.request_id = %(request)s AND coalesce(d.call_id, k.id) IS NOT NULL
  AND (s.result <> {LinkResult.ABSENT}
       OR NOT u.is_static AND coalesce(u.accepted_at, u.created_at) <= %(final)s)
ORDER BY s.upload_id, s.row_number
ON CONFLICT (upload_id, row_number) DO UPDATE
SET proved_at = excluded.proved_at, {_CHANGED}
WHERE p.proved_at <= excluded.proved_at
"""

_UNKNOWN = f"""{_WORK}, extra AS (
    SELECT h.*, EXISTS (SELECT 1 FROM sent s WHERE {_SAME}) AS is_known FROM numbered_hit h
    WHERE NOT EXISTS (SELECT 1 FROM sent s WHERE {_PAIR})
), recorded AS (
INSERT INTO calls_unknownlogrow AS known
    (counter_id, upload_id, uploading_id, kind, moment, visit_id, talk, hold, fingerprint, count,
     found_at)
SELECT %(counter)s, upload_id, uploading_id,
       CASE WHEN is_known THEN '{Kind.DOUBLED}' ELSE '{Kind.FOREIGN}' END,
       at, min(visit_id), min(talk_there), min(hold_there),
       md5(concat_ws('|', extract(epoch FROM at)::bigint, client_id, talk, hold, goal_id)),
       count(*), %(proved_at)s
FROM extra CROSS JOIN LATERAL (
    SELECT (moment::timestamp - %(shift)s) AT TIME ZONE %(zone)s AS at) AS utc
GROUP BY upload_id, uploading_id, at, client_id, talk, hold, goal_id, is_known
ORDER BY uploading_id, at
ON CONFLICT (counter_id, uploading_id, fingerprint) DO UPDATE
SET kind = excluded.kind, count = excluded.count,
    seen_at = CASE WHEN excluded.count <= known.count THEN known.seen_at END
RETURNING count
)
SELECT coalesce(sum(count), 0)::bigint FROM recorded
"""

_TOTALS = f"""
SELECT count(*) FILTER (WHERE p.result = {LinkResult.LINKED}),
       count(*) FILTER (WHERE p.result = {LinkResult.NO_VISIT}),
       count(*) FILTER (WHERE p.result = {LinkResult.ABSENT}),
       count(*) FILTER (WHERE p.result IS NULL)
FROM calls_logsentrow s
LEFT JOIN calls_linkproof p ON p.upload_id = s.upload_id AND p.row_number = s.row_number
WHERE s.request_id = %(request)s
"""


def compare(request: LogRequest) -> dict[str, int]:
    """Record what the hits that were read say; return the number of rows by result.

    Runs in the caller's transaction. Raises NotUnderstood or ZoneUnknown, and then nothing is to be
    recorded.
    """
    stage(request)
    values = _values(request)
    with connection.cursor() as cursor:
        # Nothing is known of rows that were just stored: the planner would take them for a few,
        # and compare each with all others of its upload. Hashes of all values suit any number.
        cursor.execute(_HASHES_ONLY)
        cursor.execute(_JUDGE, values)
        sent, hits, pairs = _row(cursor, _COUNTS, values)
        if pairs * 2 < hits and (shift := _zone_shift(cursor, request, values)):
            stage(request, shift=shift)
            values["shift"] = shift
            cursor.execute(_JUDGE, values)
            sent, hits, pairs = _row(cursor, _COUNTS, values)
        if not pairs and min(sent, hits) >= NOT_UNDERSTOOD:
            raise NotUnderstood
        (unknown,) = _row(cursor, _UNKNOWN, values)
        cursor.execute(_ANY_JOIN)
        cursor.execute(_PROVE, values)
        record.keep(request)
        linked, no_visit, absent, not_yet = _row(cursor, _TOTALS, values)
    shift = values["shift"]
    return {
        "sent": sent,
        "linked": linked,
        "no_visit": no_visit,
        "absent": absent,
        "not_yet": not_yet,
        "unknown": unknown,
    } | ({ZONE_SHIFT: int(shift.total_seconds())} if shift else {})


def _row(cursor: CursorWrapper, sql: str, values: dict[str, Any]) -> Any:
    cursor.execute(sql, values)
    return cursor.fetchone()


def _zone_shift(cursor: CursorWrapper, request: LogRequest, values: dict[str, Any]) -> timedelta:
    """Return by how much most hits are later than the rows that they are; none for no such.

    Raises ZoneUnknown where they are so few, or by several differences alike, and the counter's
    zone may be an old one.
    """
    cursor.execute(_SHIFTS, values)
    found = cursor.fetchone()
    if not found:
        return NO_SHIFT
    seconds, pairs, is_ambiguous = found
    if pairs >= LEAST_SHIFTED and not is_ambiguous:
        return timedelta(seconds=seconds)
    if _has_renewed_zone(request):
        return NO_SHIFT
    raise ZoneUnknown


def _has_renewed_zone(request: LogRequest) -> bool:
    """Whether Metrika told the counter's zone again since its logs were last left alone for it."""
    renewed_at = request.counter.account.counters_refreshed_at
    left_alone = LogRequest.objects.filter(counter=request.counter_id, error=errors.ZONE_UNKNOWN)
    return (
        bool(renewed_at)
        and left_alone.filter(
            finished_at__gt=request.requested_at - FINAL_AFTER, finished_at__lt=renewed_at
        ).exists()
    )


def _values(request: LogRequest) -> dict[str, Any]:
    posted_at = request.posted_at or request.requested_at
    return {
        "request": request.pk,
        "counter": request.counter_id,
        "zone": zone_of(request.counter),
        "first": request.date1.isoformat(),
        "last": request.date2.isoformat(),
        "shift": NO_SHIFT,
        "proved_at": posted_at,
        "final": posted_at - FINAL_AFTER,
    }
