"""Keeps the last requests to a secret address as they came, sealed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from cabinets.models import CallSource
from calls.ingest.parsing.json_values import TooDeep, storable
from calls.ingest.rejected import MAX_RAW
from calls.ingest.store import Result
from calls.models import ReceivedRequest
from calls.ways.request_data import RequestData

#: Requests of a source that are kept; older ones go with each new one.
MOST = 50

_PRUNE = """
DELETE FROM calls_receivedrequest WHERE id IN (
    SELECT id FROM calls_receivedrequest WHERE source_id = %s
    ORDER BY at DESC, id DESC OFFSET %s
    FOR UPDATE SKIP LOCKED
)
"""


def keep_request(
    source: CallSource, data: RequestData, results: Sequence[Result], *, now: datetime
) -> None:
    """Keep a request that was read, in the transaction that stores its calls."""
    errors = [one.error for one in results if one.error is not None]
    _keep(
        source,
        now,
        method=data.method,
        content_type=data.content_type,
        record=_as_text(data.items[0]) if data.items else "",
        records=len(results),
        accepted=len(results) - len(errors),
        code=errors[0].code if errors else "" if results else "no_data",
        message=errors[0].message if errors else "",
    )


def keep_unreadable(
    source: CallSource, *, method: str, content_type: str, code: str, message: str, now: datetime
) -> None:
    """Keep that a request came whose body cannot be read, and why."""
    _keep(
        source,
        now,
        method=method,
        content_type=content_type[:100],
        records=0,
        accepted=0,
        code=code,
        message=message,
    )


def _keep(source: CallSource, now: datetime, **values: Any) -> None:
    storable_values = {
        name: storable(one) if isinstance(one, str) else one for name, one in values.items()
    }
    ReceivedRequest.objects.create(source_id=source.pk, at=now, **storable_values)
    with connection.cursor() as cursor:
        cursor.execute(_PRUNE, [source.pk, MOST])


def _as_text(item: Any) -> str:
    """Return the record as JSON; '' for one that is too long or nested too deep to be kept."""
    try:
        text = json.dumps(storable(item), ensure_ascii=False)
    except TooDeep:
        return ""
    return text if len(text) <= MAX_RAW else ""
