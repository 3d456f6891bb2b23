"""The vendor's quotas, enforced: https://yandex.com/dev/metrika/en/intro/quotas"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from .clock import Clock
from .messages import ApiError, Json
from .options import Options

LIMITS = ("per_second", "logs_per_second", "parallel", "per_day")


class Quotas:
    def __init__(self, clock: Clock, options: Options) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._limits = {name: int(getattr(options, name)) for name in LIMITS}
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._recent: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
            self._running: Counter[str] = Counter()
            self._daily: Counter[tuple[str, str]] = Counter()

    def limits(self) -> Json:
        return dict(self._limits)

    def set_limits(self, changes: Json) -> None:
        for name, value in changes.items():
            if name not in LIMITS or not isinstance(value, int):
                raise ApiError(400, "invalid_parameter", "Limits: " + ", ".join(LIMITS))
        self._limits |= changes

    @contextmanager
    def request(self, client_ip: str, login: str, *, is_logs: bool = False) -> Iterator[None]:
        """Count one request; raise the 429 of the quota it exceeds.

        Those of the Logs API have a limit of their own besides.
        """
        with self._lock:
            self._count_second(client_ip, "per_second")
            if is_logs:
                self._count_second(client_ip, "logs_per_second")
            if login:
                self._count_day(login)
                self._count_parallel(login)
        try:
            yield
        finally:
            if login:
                with self._lock:
                    self._running[login] -= 1

    def _count_second(self, client_ip: str, limit: str) -> None:
        now, recent = time.monotonic(), self._recent[client_ip, limit]
        while recent and now - recent[0] >= 1:
            recent.popleft()
        recent.append(now)
        if len(recent) > self._limits[limit]:
            raise _exceeded("quota_requests_by_ip", "requests per second per IP")

    def _count_day(self, login: str) -> None:
        key = (login, self._clock.today())
        self._daily[key] += 1
        if self._daily[key] > self._limits["per_day"]:
            raise _exceeded("quota_requests_by_uid", "requests per day per user")

    def _count_parallel(self, login: str) -> None:
        if self._running[login] >= self._limits["parallel"]:
            raise _exceeded("quota_parallel_requests", "parallel requests per user")
        self._running[login] += 1


def _exceeded(error_type: str, what: str) -> ApiError:
    return ApiError(429, error_type, f"Quota exceeded: {what}")
