"""Waiting for the locks of other database sessions."""

from __future__ import annotations

import time

from django.db import connection


def wait_for_lock() -> None:
    """Return once another session waits for a lock; AssertionError after 10 seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone()[0]:
                return
    raise AssertionError("no session waits for a lock")
