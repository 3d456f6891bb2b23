"""Reads records of a source as the source's settings say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cabinets.models import CallSource
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.ways.saved_mapping import read_mapped


def read_items(
    source: CallSource, items: Sequence[Any], *, now: datetime
) -> list[CallRecord | BadRecord]:
    """Return the call of each item, or why it cannot become one, in order."""
    return read_mapped(items, source, now)
