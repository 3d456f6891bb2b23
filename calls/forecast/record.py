"""What the counter's own proved rows say of its links: kept with each request for logs.

The forecast reads the newest one that was known at its moment (`calls.forecast.sql`).
"""

from __future__ import annotations

from typing import Any

from django.db import connection

from calls.forecast.sql import cause_sql
from calls.models import LogRequest
from calls.states import LinkResult

#: The newest proved rows of the counter that are counted.
ROWS = 2000

# The row of a repeat that a person ordered is not in the ledger.
_RECORD = f"""
WITH newest AS MATERIALIZED (
    SELECT call_id, partition_at, channel, upload_id, row_number, result
    FROM calls_linkproof WHERE counter_id = %(counter)s
    ORDER BY partition_at DESC LIMIT {ROWS}
), told AS (
    SELECT coalesce(c.source_id, 0) AS source_id, {cause_sql("d", "c")} AS cause, p.result
    FROM newest p
    JOIN calls_delivery d ON d.call_id = p.call_id AND d.partition_at = p.partition_at
        AND d.counter_id = %(counter)s AND d.channel = p.channel
        AND d.upload_id = p.upload_id AND d.row_number = p.row_number
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
)
SELECT source_id, cause, count(*), count(*) FILTER (WHERE result = {LinkResult.LINKED:d})
FROM told GROUP BY source_id, cause
"""


def keep(request: LogRequest) -> None:
    """Count the counter's newest proved rows by source and cause; one query of bounded size."""
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, {"counter": request.counter_id})
        found: list[tuple[Any, ...]] = cursor.fetchall()
    record = {f"{source}.{cause}": [rows, linked] for source, cause, rows, linked in found}
    LogRequest.objects.filter(pk=request.pk).update(record=record)
