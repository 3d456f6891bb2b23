"""The receipt of a request, which is stored with its calls: its response by its `webhook-id`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from calls.runtime.prepared import AS_BEFORE_SQL, Prepared, Step

#: Returns no row when there is a receipt already.
SAVE = Prepared(
    "save_receipt",
    f"""
INSERT INTO calls_ingestreceipt (source_id, webhook_id, body_hash, answer, received_at)
VALUES (%(source_id)s, %(webhook_id)s, %(body_hash)s, %(answer)s, %(received_at)s)
ON CONFLICT (source_id, webhook_id) DO NOTHING
RETURNING {AS_BEFORE_SQL}
""",
    {
        "source_id": "bigint",
        "webhook_id": "text",
        "body_hash": "text",
        "answer": "jsonb",
        "received_at": "timestamptz",
    },
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

    def step(self, response: str) -> Step:
        """Return the statement that saves the receipt with the response, JSON."""
        return SAVE, {**vars(self), "answer": response}
