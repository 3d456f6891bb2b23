"""The sandbox's clock: real time plus an offset."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

from .storage import Store

# Metrika shows the times of its own records in Moscow time, whatever the counter's zone.
MOSCOW = timezone(timedelta(hours=3))


class Clock:
    def __init__(self, store: Store) -> None:
        self._store = store
        row = store.one("SELECT value FROM settings WHERE name = 'clock_offset'")
        self.offset = float(row["value"]) if row else 0.0

    def now(self) -> float:
        """Unix seconds."""
        return time.time() + self.offset

    def advance(self, seconds: float) -> None:
        self._set(self.offset + seconds)

    def reset(self) -> None:
        self._set(0.0)

    def _set(self, offset: float) -> None:
        self._store.run("REPLACE INTO settings VALUES ('clock_offset', ?)", str(offset))
        self.offset = offset

    def today(self) -> str:
        """The day by which daily quotas are counted: it changes at 00:00 GMT."""
        return datetime.fromtimestamp(self.now(), UTC).date().isoformat()


def moscow_time(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), MOSCOW).isoformat()
