"""Counts by which the quality of linking is judged: causes of the forecast, and the proofs.

Of each counter the newest rows of the ledger of the last days are read, as many whichever counters
are shown, so that a counter has one score, and a page takes the same time whatever the cabinet has.
The sums of the summary tables tell how many calls a week the rows stand for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.forecast.sql import cause_sql
from calls.queries.link_totals import ProvedRows, newest_proved
from calls.states import (
    IDENTIFIER_UNREADABLE,
    NO_IDENTIFIER,
    UNLINKED_NO_GOAL,
    CallKind,
    DeliveryState,
    HoldBack,
    LinkResult,
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

#: A row counts once a call and counter: the one that is sent, before all in the channel of calls.
_GROUPS = f"""
WITH read AS MATERIALIZED (
    SELECT d.counter_id, d.call_id, d.channel, d.id_kind, d.expires_at, d.upload_id, d.row_number,
        c.source_id, c.phone, c.started_at, c.client_id, c.yclid, c.user_id,
        c.unreadable_identifiers, c.kind, c.kind = '{CallKind.STATIC}' AS is_static,
        coalesce(nullif(c.client_id, ''), nullif(c.yclid, ''), c.user_id) AS identifier,
        d.state <> {DeliveryState.SKIPPED:d} OR d.reason = ANY (%(unlinked)s) AS is_meant
    FROM unnest(%(counters)s::bigint[]) AS k(id) CROSS JOIN LATERAL (
        SELECT * FROM calls_delivery WHERE counter_id = k.id AND partition_at > %(since)s
        ORDER BY partition_at DESC LIMIT %(most)s
    ) AS d CROSS JOIN LATERAL (
        SELECT * FROM calls_call WHERE id = d.call_id AND partition_at = d.partition_at LIMIT 1
    ) AS c
    WHERE c.hold_back IS DISTINCT FROM {HoldBack.TRIAL:d}
), ranked AS (
    SELECT *, count(*) OVER one_call AS rows,
        row_number() OVER (one_call ORDER BY NOT is_meant, channel) AS place
    FROM read WINDOW one_call AS (PARTITION BY call_id, counter_id)
), repeated AS (
    SELECT counter_id, identifier FROM read WHERE identifier <> '' AND phone <> ''
    GROUP BY counter_id, identifier HAVING count(DISTINCT phone) >= {MANY_PHONES}
)
SELECT r.counter_id, r.source_id,
    CASE WHEN r.is_meant THEN {cause_sql("r", "r", now="%(now)s::timestamptz")}
        ELSE '' END AS cause,
    x.identifier IS NOT NULL AS is_repeated,
    count(*), sum(r.rows)::int, count(p.result),
    count(*) FILTER (WHERE p.result = {LinkResult.LINKED:d})
FROM ranked r
LEFT JOIN repeated x ON x.counter_id = r.counter_id AND x.identifier = r.identifier
LEFT JOIN calls_linkproof p ON p.upload_id = r.upload_id AND p.row_number = r.row_number
WHERE r.place = 1
GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True)
class Group:
    """Calls of one counter and source that have one cause."""

    counter_id: int
    source_id: int | None
    #: A code of `calls.forecast.causes`; '' of calls that the settings exclude.
    cause: str
    #: The identifier is in the calls of many phones.
    is_repeated: bool
    calls: int
    #: Rows of the ledger: up to one a channel of each call.
    rows: int
    #: Of the calls, those with a link proof, and those that are linked by it.
    proved: int
    linked: int


@dataclass(frozen=True)
class Volume:
    """All rows of the ledger of a counter in the last days, and what its files tell of links."""

    rows: int = 0
    weeks: float = 4.0
    told: int = 0
    linked: float = 0.0
    #: What Metrika's logs tell of its newest rows; None without any.
    proved: ProvedRows | None = None


def groups(counter_ids: Collection[int], *, now: datetime) -> list[Group]:
    """Return the groups of these counters, in one query over a bounded number of rows."""
    if not counter_ids:
        return []
    values: dict[str, Any] = {
        "counters": list(counter_ids),
        "since": now - timedelta(days=DAYS),
        "most": MOST_ROWS,
        "unlinked": list(UNLINKED),
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_GROUPS, values)
        return [Group(*row) for row in cursor.fetchall()]


def volumes(cabinet: Cabinet, counter_ids: Collection[int], *, now: datetime) -> dict[int, Volume]:
    """Return the volume of each counter that has rows; a query of summary tables, one of proofs.

    Of a counter that has calls since fewer days, its weeks are counted from the first one on, and
    are one at least.
    """
    zone = timezone.get_current_timezone()
    last = timezone.localdate(now)
    period = Period(last - timedelta(days=DAYS - 1), last, zone)
    found: dict[int, Volume] = {}
    for row in read.deliveries(
        cabinet, period, by=("counter_id", "day"), counters=counter_ids, now=now
    ):
        days = (last - row["day"]).days + 1
        one = found.get(row["counter_id"], Volume(weeks=max(days, 7) / 7))
        found[row["counter_id"]] = Volume(
            one.rows + row["deliveries"],
            one.weeks,
            one.told + row["link_told"],
            one.linked + row["linked"],
        )
    proved = newest_proved(counter_ids, period.start, period.end)
    return {pk: replace(one, proved=proved.get(pk)) for pk, one in found.items()}
