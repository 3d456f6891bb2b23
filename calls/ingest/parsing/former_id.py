"""The id that earlier versions derived for a call without `universalId`. Pure.

Calls are stored under it; one that is sent again has to be found. Nothing here may change.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from json.encoder import encode_basestring

from calls.ingest.parsing.fields import Item, Unusable, read_count, read_phone, read_text
from calls.ingest.parsing.json_values import canonical_list, digest
from calls.ingest.parsing.remembered import remembered


def beginning(source_id: str, started_at: datetime) -> str:
    """Return the canonical list of what every derived id is made of."""
    return f'[{encode_basestring(source_id)},"{started_at.isoformat()}"]'


def derived_id(begin: str, facts: Iterable[str | int]) -> str:
    """Return the id of a call that is told by facts beside its source and start.

    ``begin``: the `beginning`.
    """
    rest = canonical_list(facts)[1:]
    return f"auto-{digest(f'{begin[:-1]},{rest}')[:32]}"


def former_id(item: Item, *, begin: str) -> str:
    """Return the derived id of earlier versions: of source, start, phone, line and duration.

    ``begin``: as of `derived_id`. "" for a duration that is no number: they refused such a record.
    """
    phone = read_phone(read_text(item, "clientNumber"))
    line = _read_line(item)
    try:
        duration = read_count(item, "duration", "duration2_sec")
    except Unusable:
        return ""
    return derived_id(begin, (phone, line, duration))


@remembered("routePhone", "calltracking_number", "managerNumber")
def _read_line(item: Item) -> str:
    return read_phone(read_text(item, "routePhone", "calltracking_number", "managerNumber"))
