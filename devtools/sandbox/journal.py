"""Log of requests: counts, peaks and the last requests, without tokens."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .clock import moscow_time
from .messages import Json, Request

KEPT = 1000


@dataclass
class Entry:
    started_at: float
    method: str
    path: str
    login: str
    status: int = 0
    milliseconds: int = 0


class Journal:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self.clear()

    def clear(self) -> None:
        """Reset; running requests are counted when they end."""
        with self._lock:
            self._last: deque[Entry] = deque(maxlen=KEPT)
            self._counts: Counter[tuple[str, str, int]] = Counter()
            self._max_parallel: Counter[str] = Counter()
            self._second: deque[float] = deque()
            self._max_per_second = 0

    @contextmanager
    def watch(self, request: Request) -> Iterator[Entry]:
        """Record one request; a status left at 0 means the connection was cut."""
        entry = Entry(time.time(), request.method, request.path, request.login)
        started = time.monotonic()
        self._begin(entry, started)
        try:
            yield entry
        finally:
            entry.milliseconds = round((time.monotonic() - started) * 1000)
            self._end(entry)

    def _begin(self, entry: Entry, now: float) -> None:
        with self._lock:
            self._second.append(now)
            while now - self._second[0] >= 1:
                self._second.popleft()
            self._max_per_second = max(self._max_per_second, len(self._second))
            if entry.login:
                self._running[entry.login] += 1
                running = self._running[entry.login]
                self._max_parallel[entry.login] = max(running, self._max_parallel[entry.login])

    def _end(self, entry: Entry) -> None:
        with self._lock:
            if entry.login:
                self._running[entry.login] -= 1
            self._counts[entry.method, entry.path, entry.status] += 1
            self._last.append(entry)

    def report(self, last: int) -> Json:
        with self._lock:
            entries = list(self._last)[-last:] if last > 0 else []
            return {
                "total": sum(self._counts.values()),
                "counts": [
                    {"method": method, "path": path, "status": status, "count": count}
                    for (method, path, status), count in sorted(self._counts.items())
                ],
                "max_parallel": dict(self._max_parallel),
                "max_per_second": self._max_per_second,
                "last": [_as_json(entry) for entry in entries],
            }


def _as_json(entry: Entry) -> Json:
    return {
        "at": entry.started_at,
        "time": moscow_time(entry.started_at),
        "method": entry.method,
        "path": entry.path,
        "login": entry.login,
        "status": entry.status,
        "ms": entry.milliseconds,
    }
