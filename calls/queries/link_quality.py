"""Counts by which the quality of linking is judged: causes of the forecast, and the proofs.

Of each counter the newest rows of the ledger of the last days are read, as many whichever counters
are shown, so that a counter has one score, and a page takes the same time whatever the cabinet has.
The sums of the summary tables tell how many calls a week the rows stand for.
"""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.forecast.sql import cause_sql
from calls.states import (
    IDENTIFIER_UNREADABLE,
    NO_IDENTIFIER,
    PROCESSED_UPLOADS,
    UNLINKED_NO_GOAL,
    Attention,
    CallKind,
    DeliveryState,
    HoldBack,
    LinkResult,
    UploadState,
    sql_list,
)
from calls.summary import read
from calls.summary.read import Period

#: The days that are counted; four weeks, so that each day of the week counts alike.
DAYS = 28
#: The most rows of the ledger that are read of a counter, whatever others stand beside it.
MOST_ROWS = 400
#: An identifier with so many phones is probably no single visitor's.
MANY_PHONES = 4
#: Reasons of calls that would be sent if an identifier came.
UNLINKED = (NO_IDENTIFIER, IDENTIFIER_UNREADABLE, UNLINKED_NO_GOAL, "unlinked_off")

# The share of a file's rows that are linked, as `Upload.linked_rows` has it: null while Metrika has
# not told.
_SHARE = f"""CASE WHEN u.is_static OR u.state NOT IN {sql_list(PROCESSED_UPLOADS)} THEN NULL
        WHEN u.linked_quantity > 0 THEN CASE WHEN u.attention <> '{Attention.QUANTITY}'
            THEN least(u.linked_quantity, u.rows)::float8 / u.rows END
        WHEN u.state = '{UploadState.LINKAGE_FAILURE}'
            OR u.linked_quantity = 0 AND u.user_not_found_quantity > 0 THEN 0.0 END"""

# A call counts once a counter, by the row that is sent, before all in the channel of calls. A call
# that a person keeps back is meant to be sent only once it was. LATERAL with a LIMIT: whatever the
# planner guesses, files and proofs are looked up by an index and not read whole.
_GROUPS = f"""
WITH read AS MATERIALIZED (
    SELECT d.counter_id, d.call_id, d.channel, d.id_kind, d.expires_at,
        c.source_id, c.phone, c.started_at, c.client_id, c.yclid, c.user_id,
        c.unreadable_identifiers, c.kind, c.kind = '{CallKind.STATIC}' AS is_static, d.partition_at,
        coalesce(nullif(c.client_id, ''), nullif(c.yclid, ''), c.user_id) AS identifier,
        (d.state <> {DeliveryState.SKIPPED:d} OR d.reason = ANY (%(unlinked)s))
            AND c.hold_back IS DISTINCT FROM {HoldBack.TRIAL:d}
            AND (c.hold_back IS NULL OR d.upload_id IS NOT NULL) AS is_meant,
        d.state = {DeliveryState.EXPIRED:d} OR d.expires_at <= c.received_at AS is_late,
        coalesce(u.accepted_at, %(now)s::timestamptz) AS taken_at,
        u.uploading_id IS NOT NULL AND u.sent_at IS NOT NULL AND NOT u.is_static AS is_sent,
        CASE WHEN d.state = {DeliveryState.BATCHED:d} THEN {_SHARE} END AS share, p.result
    FROM unnest(%(counters)s::bigint[]) AS k(id) CROSS JOIN LATERAL (
        SELECT * FROM calls_delivery
        WHERE counter_id = k.id AND partition_at >= %(since)s AND partition_at < %(until)s
        ORDER BY partition_at DESC LIMIT %(most)s
    ) AS d CROSS JOIN LATERAL (
        SELECT * FROM calls_call WHERE id = d.call_id AND partition_at = d.partition_at LIMIT 1
    ) AS c
    LEFT JOIN LATERAL (SELECT * FROM calls_upload WHERE id = d.upload_id LIMIT 1) AS u ON true
    LEFT JOIN LATERAL (
        SELECT result FROM calls_linkproof
        WHERE upload_id = d.upload_id AND row_number = d.row_number LIMIT 1
    ) AS p ON true
), ranked AS (
    SELECT *, 1 = row_number() OVER (
        PARTITION BY call_id, counter_id ORDER BY NOT is_meant, channel) AS is_first
    FROM read
), repeated AS (
    SELECT counter_id, identifier FROM read WHERE identifier <> '' AND phone <> ''
    GROUP BY counter_id, identifier HAVING count(DISTINCT phone) >= {MANY_PHONES}
)
SELECT r.counter_id, r.source_id,
    CASE WHEN r.is_meant
        THEN {cause_sql("r", "r", taken="r.taken_at")} ELSE '' END AS cause,
    x.identifier IS NOT NULL AS is_repeated, r.is_late,
    count(*) FILTER (WHERE is_first), count(*),
    count(result) FILTER (WHERE is_first),
    count(*) FILTER (WHERE is_first AND result = {LinkResult.LINKED:d}),
    count(share) FILTER (WHERE is_first), coalesce(sum(share) FILTER (WHERE is_first), 0),
    count(*) FILTER (WHERE is_sent), count(result) FILTER (WHERE is_sent),
    count(*) FILTER (WHERE is_sent AND result = {LinkResult.LINKED:d}),
    min(r.partition_at), max(r.partition_at)
FROM ranked r
LEFT JOIN repeated x ON x.counter_id = r.counter_id AND x.identifier = r.identifier
GROUP BY 1, 2, 3, 4, 5
"""


# Late calls of the same days before the rows that were read: what is late is the oldest there is.
_LATE_BEFORE = f"""
SELECT k.id, count(DISTINCT d.call_id)
FROM unnest(%(counters)s::bigint[], %(firsts)s::timestamptz[]) AS k(id, first_at)
CROSS JOIN LATERAL (
    SELECT call_id, partition_at FROM calls_delivery
    WHERE counter_id = k.id AND state = {DeliveryState.EXPIRED:d}
      AND partition_at >= %(since)s AND partition_at < k.first_at LIMIT %(most)s
) AS d CROSS JOIN LATERAL (
    SELECT kind, hold_back FROM calls_call
    WHERE id = d.call_id AND partition_at = d.partition_at LIMIT 1
) AS c
WHERE c.hold_back IS NULL AND c.kind <> '{CallKind.STATIC}'
GROUP BY k.id
"""


@dataclass(frozen=True)
class Group:
    """Calls of one counter and source that have one cause, and their rows."""

    counter_id: int
    source_id: int | None
    #: A code of `calls.forecast.causes`; '' of calls that the settings exclude.
    cause: str
    #: The identifier is in the calls of many phones.
    is_repeated: bool
    #: They came too late to be sent, or waited too long.
    is_late: bool
    calls: int
    #: Rows of the ledger: up to one a channel of each call.
    rows: int
    #: Of the calls, those with a link proof, and those that are linked by it.
    proved: int = 0
    linked: int = 0
    #: Of the calls, those of whose files Metrika told the links, and the share of them as a sum.
    told: int = 0
    linked_by_files: float = 0.0
    #: Of the rows, those that were sent with an identifier, with a link proof, and linked by it.
    sent_rows: int = 0
    proved_rows: int = 0
    linked_rows: int = 0
    #: The earliest and the latest time of the rows, which their days are counted by.
    first_at: datetime | None = None
    last_at: datetime | None = None


@dataclass(frozen=True)
class Volume:
    """All rows of the ledger of a counter in the last days, and what is known of them."""

    rows: int = 0
    weeks: float = 4.0
    #: Late calls before the rows that were read.
    late_before: int = 0


def last_days(now: datetime) -> Period:
    """Return the days that are counted, today the last of them."""
    last = timezone.localdate(now)
    return Period(last - timedelta(days=DAYS - 1), last, timezone.get_current_timezone())


def groups(counter_ids: Collection[int], *, now: datetime) -> list[Group]:
    """Return the groups of these counters, in one query over a bounded number of rows."""
    if not counter_ids:
        return []
    period = last_days(now)
    values: dict[str, Any] = {
        "counters": list(counter_ids),
        "since": period.start,
        "until": period.end,
        "most": MOST_ROWS,
        "unlinked": list(UNLINKED),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, values)
        return [Group(*row) for row in cursor.fetchall()]


def late_before(found: Iterable[Group], *, now: datetime) -> dict[int, int]:
    """Return the late calls of each counter before the rows of these groups, MOST_ROWS at most.

    Only of counters that have more rows than were read; one query if there are any.
    """
    rows: Counts[int] = Counts()
    firsts: dict[int, datetime] = {}
    for one in found:
        rows[one.counter_id] += one.rows
        if one.first_at is not None:
            firsts[one.counter_id] = min(firsts.get(one.counter_id, one.first_at), one.first_at)
    cut = [pk for pk in firsts if rows[pk] >= MOST_ROWS]
    if not cut:
        return {}
    values: dict[str, Any] = {
        "counters": cut,
        "firsts": [firsts[pk] for pk in cut],
        "since": last_days(now).start,
        "most": MOST_ROWS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LATE_BEFORE, values)
        return dict(cursor.fetchall())


def volumes(cabinet: Cabinet, counter_ids: Collection[int], *, now: datetime) -> dict[int, Volume]:
    """Return the volume of each counter that has rows, from the summary tables.

    Of a counter that has calls since fewer days, its weeks are counted from the first one on, and
    are one at least.
    """
    period = last_days(now)
    found: dict[int, Volume] = {}
    by, sums = ("counter_id", "day"), ("deliveries",)
    for row in read.deliveries(cabinet, period, by=by, counters=counter_ids, sums=sums, now=now):
        days = (period.last - row["day"]).days + 1
        one = found.get(row["counter_id"], Volume(weeks=max(days, 7) / 7))
        found[row["counter_id"]] = Volume(one.rows + row["deliveries"], one.weeks)
    return found
