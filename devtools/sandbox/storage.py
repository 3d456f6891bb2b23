"""The storage: one SQLite file (or memory), committed before a request is answered."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

TABLES = """
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS people (
    login TEXT PRIMARY KEY, uid TEXT NOT NULL, first_name TEXT NOT NULL, last_name TEXT NOT NULL,
    about TEXT NOT NULL, sex TEXT, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counters (
    id INTEGER PRIMARY KEY, status TEXT NOT NULL, name TEXT NOT NULL, site TEXT NOT NULL,
    mirrors TEXT NOT NULL, owner_login TEXT NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL,
    create_time TEXT NOT NULL, time_zone_name TEXT NOT NULL, time_zone_offset INTEGER NOT NULL,
    favorite INTEGER NOT NULL, activity_status TEXT NOT NULL, code_status TEXT NOT NULL,
    calls_threshold_at REAL, conversions_threshold_at REAL);
CREATE TABLE IF NOT EXISTS rights (
    counter_id INTEGER NOT NULL, login TEXT NOT NULL, permission TEXT NOT NULL,
    PRIMARY KEY (counter_id, login));
CREATE TABLE IF NOT EXISTS goals (
    id INTEGER PRIMARY KEY AUTOINCREMENT, counter_id INTEGER NOT NULL, source TEXT NOT NULL,
    body TEXT NOT NULL, deleted INTEGER NOT NULL DEFAULT 0, visible_at REAL NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS goal_by_counter ON goals (counter_id);
CREATE TABLE IF NOT EXISTS consents (
    login TEXT NOT NULL, client_id TEXT NOT NULL, scopes TEXT NOT NULL,
    PRIMARY KEY (login, client_id));
CREATE TABLE IF NOT EXISTS browsers (id TEXT PRIMARY KEY, login TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS codes (
    code TEXT PRIMARY KEY, login TEXT NOT NULL, client_id TEXT NOT NULL, scopes TEXT NOT NULL,
    asked TEXT NOT NULL, device_id TEXT NOT NULL, redirect_uri TEXT NOT NULL,
    challenge TEXT NOT NULL, challenge_method TEXT NOT NULL, created_at REAL NOT NULL,
    used INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS tokens (
    access TEXT PRIMARY KEY, refresh TEXT NOT NULL UNIQUE, login TEXT NOT NULL,
    client_id TEXT NOT NULL, scopes TEXT NOT NULL, device_id TEXT NOT NULL,
    created_at REAL NOT NULL, expires_at REAL NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS uploadings (
    id INTEGER PRIMARY KEY AUTOINCREMENT, counter_id INTEGER NOT NULL, login TEXT NOT NULL,
    channel TEXT NOT NULL, created_at REAL NOT NULL, visible_at REAL NOT NULL,
    comment TEXT NOT NULL, client_id_type TEXT NOT NULL, source_quantity INTEGER NOT NULL,
    line_quantity INTEGER NOT NULL, static_quantity INTEGER NOT NULL,
    linked_quantity INTEGER NOT NULL, user_not_found INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS uploading_by_counter ON uploadings (counter_id, channel);
CREATE TABLE IF NOT EXISTS rows (
    id INTEGER PRIMARY KEY, uploading_id INTEGER NOT NULL, counter_id INTEGER NOT NULL,
    channel TEXT NOT NULL, columns TEXT NOT NULL, digest BLOB NOT NULL, tracker_url TEXT NOT NULL,
    moment INTEGER NOT NULL, linked INTEGER NOT NULL, visit INTEGER);
CREATE INDEX IF NOT EXISTS row_by_counter ON rows (counter_id, channel);
CREATE INDEX IF NOT EXISTS row_by_uploading ON rows (uploading_id);
CREATE TABLE IF NOT EXISTS truths (counter_id INTEGER PRIMARY KEY);
CREATE TABLE IF NOT EXISTS visits (
    id INTEGER PRIMARY KEY, counter_id INTEGER NOT NULL, client_id TEXT NOT NULL,
    yclid TEXT NOT NULL, user_id TEXT NOT NULL, started_at INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS visit_by_client ON visits (counter_id, client_id);
CREATE INDEX IF NOT EXISTS visit_by_yclid ON visits (counter_id, yclid);
CREATE INDEX IF NOT EXISTS visit_by_user ON visits (counter_id, user_id);
CREATE TABLE IF NOT EXISTS hits (
    id INTEGER PRIMARY KEY, counter_id INTEGER NOT NULL, moment INTEGER NOT NULL,
    client_id TEXT NOT NULL, visit INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS hit_by_time ON hits (counter_id, moment);
CREATE TABLE IF NOT EXISTS planted (
    id INTEGER PRIMARY KEY, counter_id INTEGER NOT NULL, uploading_id INTEGER NOT NULL,
    channel TEXT NOT NULL, columns TEXT NOT NULL, moment INTEGER NOT NULL, visit INTEGER);
CREATE TABLE IF NOT EXISTS log_requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, counter_id INTEGER NOT NULL, source TEXT NOT NULL,
    date1 TEXT NOT NULL, date2 TEXT NOT NULL, fields TEXT NOT NULL, attribution TEXT NOT NULL,
    created_at REAL NOT NULL, ready_at REAL NOT NULL, ended TEXT NOT NULL, fate TEXT NOT NULL,
    lines INTEGER NOT NULL, part_lines INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ck_accounts (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, shape TEXT NOT NULL, ordering TEXT NOT NULL,
    page_length INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS ck_calls (
    key TEXT NOT NULL, universal_id TEXT PRIMARY KEY, moment INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS ck_call_by_time ON ck_calls (key, moment);
"""

TABLE_NAMES = (
    *("settings", "people", "counters", "rights", "goals", "consents", "browsers"),
    *("codes", "tokens", "uploadings", "rows", "truths", "visits", "hits", "planted"),
    *("log_requests", "ck_accounts", "ck_calls"),
)

# Real ids are long; small ones would hide an overflow in the product.
FIRST_GOAL_ID = 318_200_000
FIRST_UPLOADING_ID = 730_100_000
FIRST_LOG_REQUEST_ID = 41_700_000


class Store:
    """One connection behind one lock: SQLite has one writer anyway."""

    def __init__(self, path: str | None) -> None:
        self._lock = threading.RLock()
        self._db = sqlite3.connect(
            path or ":memory:", check_same_thread=False, isolation_level=None
        )
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        # In WAL this survives kill -9 of the process, which suffices here.
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(TABLES)
        self._add_missing_columns()
        if not self._db.execute("SELECT count(*) FROM sqlite_sequence").fetchone()[0]:
            self._start_numbers()

    def _add_missing_columns(self) -> None:
        """Bring a file of an earlier version up to date."""
        if "visible_at" not in {row["name"] for row in self.all("PRAGMA table_info(goals)")}:
            self._db.execute("ALTER TABLE goals ADD COLUMN visible_at REAL NOT NULL DEFAULT 0")
        if "visit" not in {row["name"] for row in self.all("PRAGMA table_info(rows)")}:
            self._db.execute("ALTER TABLE rows ADD COLUMN visit INTEGER")

    def _start_numbers(self) -> None:
        numbers = [
            ("goals", FIRST_GOAL_ID),
            ("uploadings", FIRST_UPLOADING_ID),
            ("log_requests", FIRST_LOG_REQUEST_ID),
        ]
        self._db.executemany("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", numbers)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection; committed when the block ends, undone when it raises.

        Must not be nested.
        """
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def all(self, sql: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def one(self, sql: str, *values: Any) -> sqlite3.Row | None:
        with self._lock:
            row: sqlite3.Row | None = self._db.execute(sql, values).fetchone()
            return row

    def run(self, sql: str, *values: Any) -> int:
        """Execute one statement and commit; return the number of rows it changed."""
        with self._lock:
            return self._db.execute(sql, values).rowcount

    def clear(self) -> None:
        """Delete all rows; the sequences go on, so that an old id is never reused."""
        with self.transaction() as db:
            for table in TABLE_NAMES:
                db.execute(f"DELETE FROM {table}")

    def close(self) -> None:
        with self._lock:
            self._db.close()
