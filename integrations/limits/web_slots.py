"""Keeps web threads free while Yandex is slow: the same threads take calls in.

While a page is served, a thread waits for Yandex for seconds instead of a minute, and only
WEB_THREADS_FOR_YANDEX threads of a process do so at a time. Tasks and commands are not limited.
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
    """WEB_THREADS_FOR_YANDEX threads of this process are waiting for Yandex already."""


@contextmanager
def short_timeouts() -> Iterator[None]:
    """Mark what runs inside as serving a page: short timeouts, and a slot is needed."""
    before = _has_short_timeouts.set(True)
    try:
        yield
    finally:
        _has_short_timeouts.reset(before)


@contextmanager
def acquire() -> Iterator[None]:
    """Hold one of the process's slots. Raises NoFreeSlot at once when there is none.

    Outside `short_timeouts` no slot is needed.
    """
    is_needed = _has_short_timeouts.get()
    if is_needed and not _slots.acquire(blocking=False):
        raise NoFreeSlot
    try:
        yield
    finally:
        if is_needed:
            _slots.release()


def read_timeout() -> int:
    """Return the seconds to wait for an answer of Yandex in the current context."""
    if _has_short_timeouts.get():
        return min(settings.WEB_READ_TIMEOUT_SECONDS, settings.READ_TIMEOUT_SECONDS)
    return settings.READ_TIMEOUT_SECONDS
