"""Parse and store records in tests, without the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest.parsing.record import read_records
from calls.ingest.store import Result, store_calls
from calls.models import Way


def store(source: CallSource, *items: Any, now: datetime | None = None) -> list[Result]:
    """Store the records as one request of the source."""
    now = now or timezone.now()
    records = read_records(items, source_id=source.public_id, zone=None, now=now)
    return store_calls(source=source, records=records, now=now, way=Way.API)
