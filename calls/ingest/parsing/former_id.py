"""The id that earlier versions derived for a call without `universalId`. Pure.

Calls are stored under it; one that is sent again has to be found. Nothing here may change.
"""

from __future__ import annotations

from datetime import datetime

from calls.ingest.parsing.fields import Item, Unusable, read_count, read_phone, read_text
from calls.ingest.parsing.json_values import canonical_list, digest


def former_id(item: Item, *, source_id: str, started_at: datetime) -> str:
    """Return the derived id of earlier versions: of source, start, phone, line and duration.

    "" for a duration that is no number: they refused such a record.
    """
    phone = read_phone(read_text(item, "clientNumber"))
    line = read_phone(read_text(item, "routePhone", "calltracking_number", "managerNumber"))
    try:
        duration = read_count(item, "duration", "duration2_sec")
    except Unusable:
        return ""
    facts = (source_id, started_at.isoformat(), phone, line, duration)
    return f"auto-{digest(canonical_list(facts))[:32]}"
