"""Keeps records that were rejected, sealed, in the transaction that stores the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from cabinets.models import CallSource
from cabinets.sealing import seal
from calls.ingest.parsing.json_values import digest, storable
from calls.ingest.parsing.record import BadRecord
from calls.models import Way
from calls.states import HoldBack

#: Characters of a record as JSON; of a longer one only the reason is kept.
MAX_RAW = 64 * 1024

_KEEP = """
INSERT INTO calls_rejectedrecord AS kept
    (source_id, way, digest, first_at, last_at, times, code, field, message, external_id, raw,
     hold_back)
SELECT %(source_id)s, %(way)s, digest, %(now)s, %(now)s, times, code, field, message,
    external_id, raw, %(hold_back)s
FROM json_to_recordset(%(rows)s::json)
    AS new(digest text, times integer, code text, field text, message text, external_id text,
           raw text)
ORDER BY digest
ON CONFLICT (source_id, digest) DO UPDATE SET
    way = EXCLUDED.way, last_at = EXCLUDED.last_at, times = kept.times + EXCLUDED.times,
    code = EXCLUDED.code, field = EXCLUDED.field, message = EXCLUDED.message,
    -- once it came to be sent, it is not held back any more, as with calls
    hold_back = CASE WHEN kept.hold_back IS NOT NULL OR kept.replayed_at IS NOT NULL
        THEN EXCLUDED.hold_back END,
    replayed_at = NULL
"""


@dataclass(frozen=True)
class Rejected:
    """A record as it came, and why it cannot become a call."""

    raw: Any
    error: BadRecord


def keep_rejected(
    source: CallSource,
    way: Way,
    records: Sequence[Rejected],
    *,
    now: datetime,
    hold_back: HoldBack | None = None,
) -> None:
    """Keep the records; one that is kept already gets the present reason, and is counted."""
    if not records:
        return
    rows: dict[str, dict[str, Any]] = {}
    for one in records:
        row = _row(one)
        times = rows[row["digest"]]["times"] if row["digest"] in rows else 0
        rows[row["digest"]] = row | {"times": times + 1}
    with connection.cursor() as cursor:
        cursor.execute(
            _KEEP,
            {
                "source_id": source.pk,
                "way": way,
                "now": now,
                "hold_back": None if hold_back is None else int(hold_back),
                "rows": json.dumps(list(rows.values())),
            },
        )


def raw_of(sealed_text: str) -> Any:
    """Return the record of a kept text, None when it was too long to be kept."""
    return json.loads(sealed_text) if sealed_text else None


def _row(one: Rejected) -> dict[str, Any]:
    text = _as_text(one.raw)
    error = one.error
    return {
        "digest": digest(text),
        "code": error.code[:40],
        "field": str(storable(error.field))[:100],
        "message": storable(error.message),
        "external_id": str(storable(error.external_id))[:255],
        "raw": seal(text) if len(text) <= MAX_RAW and text != _TOO_DEEP else "",
    }


def _as_text(raw: Any) -> str:
    """Return the record as JSON; `_TOO_DEEP` for one that is nested too deep to be written."""
    try:
        return json.dumps(storable(raw), ensure_ascii=False, sort_keys=True)
    except (RecursionError, ValueError):
        return _TOO_DEEP


#: Stands for a record that cannot be written: only its reason is kept.
_TOO_DEEP = json.dumps("nested too deep")
