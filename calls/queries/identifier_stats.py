"""How many of the identifiers that a source sends cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from cabinets.models import Cabinet
from calls.states import IDENTIFIER_UNREADABLE, DeliveryState, HoldBack

#: The period that is counted, and the most calls of it: the newest of the cabinet. Reading more
#: takes longer than the rest of the page, and the share of a source hardly changes.
PERIOD = timedelta(days=7)
MAX_CALLS = 2000
#: partition_at is the first known start of a call; a corrected start may differ by a day.
SLACK = timedelta(days=1)

_COUNT = """
SELECT source_id, count(*), count(*) FILTER (
           WHERE unreadable_identifiers IS NOT NULL
              OR client_id <> '' OR yclid <> '' OR user_id <> ''
       ),
       count(unreadable_identifiers),
       count(*) FILTER (WHERE unreadable_identifiers ? 'ClientId'),
       count(*) FILTER (WHERE unreadable_identifiers ? 'Yclid'),
       count(*) FILTER (WHERE unreadable_identifiers ? 'UserId'),
       count(*) FILTER (WHERE unreadable_identifiers IS NOT NULL AND EXISTS (
           SELECT FROM calls_delivery d
           WHERE d.call_id = latest.id AND d.partition_at = latest.partition_at
             AND d.state = %(skipped)s AND d.reason = %(unreadable)s AND d.expires_at > %(now)s
       ))
FROM (
    SELECT id, partition_at, source_id, unreadable_identifiers, client_id, yclid, user_id
    FROM calls_call
    WHERE cabinet_id = %(cabinet)s AND started_at > %(since)s AND partition_at > %(partition)s
      AND hold_back IS DISTINCT FROM %(trial)s
    ORDER BY started_at DESC LIMIT %(most)s
) AS latest
GROUP BY source_id
"""


@dataclass(frozen=True)
class IdentifierCounts:
    """Calls of one source in which an identifier came, and those in which one was unreadable."""

    calls: int
    unreadable: int
    #: Of the unreadable ones, those of each identifier; one call may have several.
    client_ids: int = 0
    yclids: int = 0
    user_ids: int = 0
    #: Of the unreadable ones, those that wait for a person or a corrected record.
    awaiting: int = 0


@dataclass(frozen=True)
class IdentifierStats:
    """The counts by the id of the source; of sources without an identifier there are none."""

    by_source: dict[int, IdentifierCounts]
    #: How many of the cabinet's calls were looked at, and whether the `PERIOD` may have older ones.
    calls: int
    is_limited: bool


def identifier_stats(cabinet: Cabinet, *, now: datetime) -> IdentifierStats:
    """Return the counts of the newest calls of the last `PERIOD`, in one bounded query.

    Trial calls are left out: people made them up.
    """
    since = now - PERIOD
    parameters: dict[str, Any] = {
        "cabinet": cabinet.pk,
        "since": since,
        "partition": since - SLACK,
        "most": MAX_CALLS,
        "now": now,
        "skipped": DeliveryState.SKIPPED,
        "unreadable": IDENTIFIER_UNREADABLE,
        "trial": HoldBack.TRIAL,
    }
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, parameters)
        rows = cursor.fetchall()
    found = {source: IdentifierCounts(*counts) for source, _all, *counts in rows if counts[0]}
    found.pop(None, None)
    calls = sum(row[1] for row in rows)
    return IdentifierStats(found, calls, is_limited=calls >= MAX_CALLS)
