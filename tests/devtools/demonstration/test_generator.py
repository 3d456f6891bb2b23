"""Generated calls: the same seed gives the same calls, and all kinds occur."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from calls.ingest.parsing.record import CallRecord, read_records
from devtools.demonstration.generator import CallGenerator

START = datetime(2026, 6, 1, 21, 0, tzinfo=UTC)
END = START + timedelta(days=3)


def test_same_seed_gives_the_same_calls() -> None:
    first = CallGenerator(seed=7).between(START, END, 100)
    second = CallGenerator(seed=7).between(START, END, 100)

    assert first == second
    assert CallGenerator(seed=8).between(START, END, 100) != first


def test_every_record_is_valid() -> None:
    items = CallGenerator(seed=7).between(START, END, 500)

    records = read_records(items, source_id="src_test", zone=None, now=END)

    assert [one for one in records if not isinstance(one, CallRecord)] == []
    assert len({one.external_id for one in records if isinstance(one, CallRecord)}) == len(items)


@pytest.mark.parametrize("field", ["dynamic", "static", "callback"])
def test_all_kinds_occur(field: str) -> None:
    items = CallGenerator(seed=7).between(START, END, 500)
    records = read_records(items, source_id="src_test", zone=None, now=END)

    kinds = Counter(one.kind for one in records if isinstance(one, CallRecord))

    assert kinds[field] > 50


def test_calls_stay_inside_their_span() -> None:
    items = CallGenerator(seed=7).between(START, START + timedelta(hours=2), 200)

    ends = [
        datetime.fromisoformat(one["callTime"]) + timedelta(seconds=one["duration"])
        for one in items
    ]
    moments = [datetime.fromisoformat(one["callTime"]) for one in items]

    assert min(moments) >= START
    assert max(ends) < START + timedelta(hours=2)
    assert moments == sorted(moments)
