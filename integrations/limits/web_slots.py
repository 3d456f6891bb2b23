"""Keeps the web server's threads free while Yandex is slow: calls come in by the same ones.

In a request of a person, a thread waits for Yandex for seconds, not for a minute, and only some
threads of a process do so at a time. Tasks and commands have all the time there is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

_has_short_timeouts: ContextVar[bool] = ContextVar("short_timeouts", default=False)
_slots = threading.BoundedSemaphore(settings.WEB_THREADS_FOR_YANDEX)


class NoFreeSlot(Exception):
    """As many threads of this process wait for Yandex as may."""


@contextmanager
def short_timeouts() -> Iterator[None]:
    """Mark what happens inside as done for a person who waits for a page."""
    before = _has_short_timeouts.set(True)
    try:
        yield
    finally:
        _has_short_timeouts.reset(before)


@contextmanager
def acquire() -> Iterator[None]:
    """Hold a place among those who wait for Yandex. Raises NoSeat at once when there is none."""
    is_needed = _has_short_timeouts.get()
    if is_needed and not _slots.acquire(blocking=False):
        raise NoFreeSlot
    try:
        yield
    finally:
        if is_needed:
            _slots.release()


def read_timeout() -> int:
    """Return how many seconds to wait for an answer here and now."""
    if _has_short_timeouts.get():
        return min(settings.WEB_READ_TIMEOUT_SECONDS, settings.READ_TIMEOUT_SECONDS)
    return settings.READ_TIMEOUT_SECONDS
