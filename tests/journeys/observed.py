"""Reads the results from outside: the ledger in PostgreSQL, and the rows in the sandbox."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
import requests

TIMEOUT_SECONDS = 30
CHANNELS = {1: "calls", 2: "goal"}
#: Columns that the sandbox adds to a row.
ORIGIN = ("uploading_id", "counter", "channel", "comment", "login", "linked")
OWN_STATES = {1: "waiting", 2: "skipped", 4: "expired", 5: "needs_attention", 6: "row_refused"}
PROCESSED = ("processed", "linkage_failure")
DELIVERED = {"accepted", "partly_linked", "accepted_static", "unmatched"}
FINAL = DELIVERED | {"skipped", "expired"}
LEDGER = """
SELECT c.external_id, k.number, d.channel, d.state, coalesce(d.reason, ''),
       coalesce(u.state, ''), coalesce(u.attention, ''), coalesce(u.is_static, false),
       coalesce(u.linked_quantity, 0), coalesce(u.rows, 0), coalesce(u.uploading_id, 0)
FROM calls_delivery d
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
JOIN counters_counter k ON k.id = d.counter_id
LEFT JOIN calls_upload u ON u.id = d.upload_id
"""
INTAKE = """
SELECT way, sum(received)::int, sum(created)::int, sum(updated + duplicate)::int,
       sum(rejected)::int
FROM calls_intake GROUP BY way
"""
#: (call, counter, channel)
Key = tuple[str, int, str]
Row = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class LedgerEntry:
    """The state of one delivery in the ledger."""

    state: str
    reason: str
    uploading: int


@dataclass(frozen=True)
class Intake:
    """How many records came by one way, and how many of them became what."""

    received: int
    created: int
    known: int
    rejected: int


def ledger(data: Path) -> dict[Key, LedgerEntry]:
    """Read every row of the ledger out of the embedded PostgreSQL of a running product."""
    found = _read(data, LEDGER)
    entries = {(row[0], row[1], CHANNELS[row[2]]): _entry(*row[3:]) for row in found}
    assert len(entries) == len(found), "A delivery is in the ledger twice"
    return entries


def stored_calls(data: Path) -> list[str]:
    """Return the external id of every stored call."""
    return [external_id for (external_id,) in _read(data, "SELECT external_id FROM calls_call")]


def intake(data: Path) -> dict[str, Intake]:
    """Return what every way has received, by the way's code."""
    return {way: Intake(*counts) for way, *counts in _read(data, INTAKE)}


def _read(data: Path, sql: str) -> list[tuple[Any, ...]]:
    password = json.loads((data / "secrets.json").read_text())["POSTGRES_PASSWORD"]
    port = int((data / "postgres" / "postmaster.pid").read_text().splitlines()[3])
    address = f"postgres://callkeeper:{password}@127.0.0.1:{port}/callkeeper"
    with closing(psycopg2.connect(address)) as connection, connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def _entry(
    own: int,
    reason: str,
    upload: str,
    attention: str,
    is_static: bool,
    linked: int,
    rows: int,
    uploading: int,
) -> LedgerEntry:
    state = OWN_STATES.get(own) or upload
    if state in PROCESSED:
        # A file of static calls always ends as a linkage failure and is in the reports.
        state = "accepted_static" if is_static else state_by_linked(linked, rows)
    if attention:
        state = f"{state}: {attention}"
    return LedgerEntry(state, reason, uploading)


def state_by_linked(linked: int, rows: int) -> str:
    """Return the state of the calls of a file of which Metrika linked so many rows."""
    if linked == rows:
        return "accepted"
    return "partly_linked" if linked else "unmatched"


@dataclass(frozen=True)
class Metrika:
    """Client of the sandbox's control API."""

    url: str

    def held(self, counter: int, channel: str) -> list[dict[str, Any]]:
        """Return all accepted rows: columns as received, and the upload of each."""
        answer = self._get(f"rows?counter={counter}&channel={channel}&limit=1000000")
        assert len(answer["rows"]) == answer["total"]
        rows: list[dict[str, Any]] = answer["rows"]
        return rows

    def doubles(self) -> int:
        """Count doubles: equal rows, and calls with two different rows."""
        found = self._get("ledger")["ledger"]
        return sum(one["doubles"] + one["repeated_tracker_urls"] for one in found)

    def linked_by_uploading(self) -> dict[int, tuple[int, int]]:
        """Return of each uploading how many rows are linked to a visit, and how many it has."""
        rows = self._get("rows?limit=1000000")["rows"]
        total = Counter(row["uploading_id"] for row in rows)
        linked = Counter(row["uploading_id"] for row in rows if row["linked"])
        return {number: (linked[number], count) for number, count in total.items()}

    def _get(self, path: str) -> dict[str, Any]:
        answer = requests.get(f"{self.url}/_sandbox/{path}", timeout=TIMEOUT_SECONDS)
        answer.raise_for_status()
        content: dict[str, Any] = answer.json()
        return content


def columns(rows: Iterable[dict[str, Any]]) -> Counter[Row]:
    """Return the rows' own columns as a multiset; an empty cell counts as a missing column."""
    return Counter(
        frozenset((name, value) for name, value in row.items() if name not in ORIGIN and value)
        for row in rows
    )
