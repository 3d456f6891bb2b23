"""The stored rows, counted so that lost and doubled calls are visible."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .messages import Json
from .storage import Store
from .uploadings import CALLS, CONVERSIONS

SUMMARY = """
SELECT counter_id AS counter, channel, count(*) AS rows, count(DISTINCT digest) AS distinct_rows,
    count(*) - count(DISTINCT digest) AS doubles,
    count(nullif(tracker_url, '')) AS with_tracker
FROM rows GROUP BY counter_id, channel ORDER BY counter_id, channel
"""
REPEATED = """
SELECT counter_id AS counter, channel, count(*) AS repeated FROM (
    SELECT counter_id, channel FROM rows WHERE tracker_url <> ''
    GROUP BY counter_id, channel, tracker_url HAVING count(*) > 1)
GROUP BY counter_id, channel
"""
# Only what identifies the call of a row: whole rows take three times as long to read.
HELD = """
SELECT rows.id, rows.counter_id, rows.channel, uploadings.comment, rows.tracker_url,
    coalesce(nullif(json_extract(columns, '$.ClientId'), ''),
        nullif(json_extract(columns, '$.Yclid'), ''),
        nullif(json_extract(columns, '$.UserId'), ''), ''),
    rows.moment
FROM rows JOIN uploadings ON uploadings.id = rows.uploading_id
WHERE rows.id > ? ORDER BY rows.id LIMIT ?
"""
UPLOADINGS = "SELECT counter_id AS counter, channel, count(*) AS n FROM uploadings GROUP BY 1, 2"


def rows(
    store: Store, *, counter: int = 0, channel: str = "", limit: int = 1000, offset: int = 0
) -> Json:
    """Accepted rows, oldest first: their columns as received, and their origin.

    ``counter`` 0 and an empty ``channel`` mean all.
    """
    channels = (channel,) if channel else (CALLS, CONVERSIONS)
    marks = ", ".join("?" * len(channels))
    where = f"rows.channel IN ({marks})" + (" AND rows.counter_id = ?" if counter else "")
    values: tuple[Any, ...] = (*channels, counter) if counter else channels
    total = store.one(f"SELECT count(*) AS n FROM rows WHERE {where}", *values)
    found = store.all(
        "SELECT rows.*, uploadings.comment, uploadings.login FROM rows"
        f" JOIN uploadings ON uploadings.id = rows.uploading_id WHERE {where}"
        " ORDER BY rows.id LIMIT ? OFFSET ?",
        *(*values, limit, offset),
    )
    return {"total": total["n"] if total else 0, "rows": [_as_json(row) for row in found]}


def held(store: Store, *, after: int = 0, limit: int = 1000) -> Json:
    """Accepted rows after the row ``after``, each as a list, for counting very many of them.

    Row number, counter, channel, comment of the uploading, CallTrackerURL, visitor, DateTime.
    ``newest`` is the number of the last row there is, 0 without any.
    """
    newest = store.one("SELECT coalesce(max(id), 0) AS id FROM rows")
    return {
        "newest": newest["id"] if newest else 0,
        "held": [list(row) for row in store.all(HELD, after, limit)],
    }


def _as_json(row: sqlite3.Row) -> Json:
    origin = {
        "uploading_id": row["uploading_id"],
        "counter": row["counter_id"],
        "channel": row["channel"],
        "comment": row["comment"],
        "login": row["login"],
        "linked": bool(row["linked"]),
    }
    columns: Json = json.loads(row["columns"])
    return columns | origin


def summary(store: Store) -> list[Json]:
    """Per counter and channel: uploadings, rows, distinct rows, doubles.

    A double is a row equal to an earlier one in all columns. ``repeated_tracker_urls`` counts the
    values of ``CallTrackerURL`` seen more than once: the same call, sent with other values.
    """
    repeated = _by_counter(store.all(REPEATED), "repeated")
    uploadings = _by_counter(store.all(UPLOADINGS), "n")
    held = {(row["counter"], row["channel"]): dict(row) for row in store.all(SUMMARY)}
    empty = {"rows": 0, "distinct_rows": 0, "doubles": 0, "with_tracker": 0}
    return [
        {"counter": key[0], "channel": key[1], "uploadings": count}
        | held.get(key, empty)
        | {"repeated_tracker_urls": repeated.get(key, 0)}
        for key, count in sorted(uploadings.items())
    ]


def _by_counter(found: list[sqlite3.Row], column: str) -> dict[tuple[int, str], int]:
    return {(row["counter"], row["channel"]): row[column] for row in found}
