"""The receipt of a request, which is stored with its calls: its response by its `webhook-id`.

One statement with the counts of its records (`calls.ingest.intake`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from calls.ingest.intake import COUNT_TYPES
from calls.models import Way
from calls.runtime.prepared import AS_BEFORE_SQL, Prepared, Step

#: Returns no row when there is a receipt already.
SAVE = Prepared(
    "save_receipt",
    f"""
WITH receipt AS (
    INSERT INTO calls_ingestreceipt (source_id, webhook_id, body_hash, answer, received_at)
    VALUES (%(source_id)s, %(webhook_id)s, %(body_hash)s, %(answer)s, %(received_at)s)
    ON CONFLICT (source_id, webhook_id) DO NOTHING
    RETURNING received_at
), counted AS (
    INSERT INTO calls_intake
        (source_id, way, at, received, created, updated, duplicate, rejected, is_hour)
    SELECT %(source_id)s, '{Way.API.value}', received_at,
        %(created)s + %(updated)s + %(duplicate)s + %(rejected)s,
        %(created)s, %(updated)s, %(duplicate)s, %(rejected)s, false
    FROM receipt
)
SELECT {AS_BEFORE_SQL} FROM receipt
""",
    {
        "source_id": "bigint",
        "webhook_id": "text",
        "body_hash": "text",
        "answer": "jsonb",
        "received_at": "timestamptz",
    }
    | COUNT_TYPES,
)


class AlreadyReceived(Exception):
    """A concurrent copy of the request committed first; this transaction is rolled back."""


@dataclass(frozen=True)
class Receipt:
    """What a receipt has besides the response."""

    source_id: int
    webhook_id: str
    body_hash: str
    received_at: datetime

    def step(self, response: str, counts: Mapping[str, int]) -> Step:
        """Return the statement that saves the receipt with the response, JSON, and the counts."""
        return SAVE, {**vars(self), "answer": response, **counts}
