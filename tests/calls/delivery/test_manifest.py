"""The manifest of a file names its calls, and reads each of its rows once."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from cabinets.models import Cabinet
from calls.delivery import batching, manifest
from calls.models import Upload
from counters.models import Counter
from tests.calls.call_links import key_of
from tests.calls.many_rows import copy_call
from tests.calls.stored import store_call

CALLS = 7
#: Between calls that are in no file, among those that are.
SOME_TIME = timedelta(minutes=-20)


@pytest.fixture
def upload(cabinet: Cabinet, linked_counter: Counter, monkeypatch: pytest.MonkeyPatch) -> Upload:
    """A file of seven calls of some weeks, in no order, three of whose rows are read at once."""
    monkeypatch.setattr(manifest, "ROWS_PER_QUERY", 3)
    now = timezone.now()
    for days in (20, 1, 9, 3, 15, 5, 18):
        store_call(
            cabinet=cabinet, external_id=f"day-{days}", started_at=now - timedelta(days=days)
        )
    batching.build_uploads(now=timezone.now())
    return Upload.objects.select_related("counter").get()


def keep(upload: Upload) -> manifest.Manifest:
    upload.sent_at = timezone.now()
    assert manifest.keep(upload, now=upload.sent_at)
    kept = manifest.read(upload.marker)
    assert kept is not None
    return kept


def test_manifest_of_several_queries_names_the_calls_in_the_order_of_rows(
    upload: Upload, cabinet: Cabinet
) -> None:
    kept = keep(upload)

    oldest_first = [f"day-{days}" for days in (20, 18, 15, 9, 5, 3, 1)]
    assert list(kept.keys) == [key_of(cabinet.pk, external) for external in oldest_first]
    assert kept.revisions == (1,) * CALLS
    assert kept.is_whole


def test_each_row_of_a_file_is_read_once_for_its_manifest(
    upload: Upload, cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Others' rows and the planner's statistics: the plan for seven rows alone is a matter of luck.
    copy_call(store_call(cabinet=cabinet, started_at=upload.oldest_call_at), 1000, apart=SOME_TIME)
    read: list[int] = []
    rows_of = manifest._rows_of

    def explained(query: str, values: dict[str, Any]) -> list[Any]:
        if query == manifest._ROWS:
            read.append(rows_read(query, values))
        return rows_of(query, values)

    monkeypatch.setattr(manifest, "_rows_of", explained)

    assert keep(upload).is_whole
    assert read == [3, 3, 1]


def rows_read(query: str, values: dict[str, Any]) -> int:
    """Return how many rows of the ledger a query reads by the index of files."""
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query}", values)
        plan = cursor.fetchone()[0]
        cursor.execute("RESET enable_seqscan; RESET enable_bitmapscan")
    scans = re.findall(r"\{[^{}]*upload_id_row_number[^{}]*\}", json.dumps(plan))
    return sum(int(one["Actual Rows"] * one["Actual Loops"]) for one in map(json.loads, scans))
