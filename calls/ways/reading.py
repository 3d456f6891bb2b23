"""Reads records of a source as the source's settings say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cabinets.models import CallSource
from calls.ingest.parsing.record import BadRecord, CallRecord, read_records


def read_items(
    source: CallSource, items: Sequence[Any], *, now: datetime
) -> list[CallRecord | BadRecord]:
    """Return the call of each item, or why it cannot become one, in order."""
    zone = ZoneInfo(source.time_zone) if source.time_zone else None
    return read_records(items, source_id=source.public_id, zone=zone, now=now, region=source.region)
