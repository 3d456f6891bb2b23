"""Parse one record in tests, with a fixed time and source."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from calls.ingest.parsing.record import BadRecord, CallRecord, read_record

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


MOSCOW = ZoneInfo("Europe/Moscow")


def read(*, zone: ZoneInfo | None = MOSCOW, **fields: Any) -> CallRecord:
    item = {"universalId": "100", "callTime": 1_795_418_400} | fields
    record = read_record(item, source_id="src_1", zone=zone, now=NOW)
    assert isinstance(record, CallRecord), record
    return record


def refuse(item: Any, *, zone: ZoneInfo | None = MOSCOW) -> BadRecord:
    record = read_record(item, source_id="src_1", zone=zone, now=NOW)
    assert isinstance(record, BadRecord), record
    return record
