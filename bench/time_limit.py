"""Ends a figure that takes too long, so that the others are measured."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from django.db import connections


class TimeIsUp(BaseException):
    """The limit of a figure is over. No Exception: the product's own handlers let it pass."""


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in this thread, the main one, when the block takes longer.

    A statement that this thread waits for is cancelled.
    """
    database, main = connections["default"], threading.get_ident()

    def stop() -> None:
        signal.pthread_kill(main, signal.SIGALRM)
        with contextlib.suppress(Exception):
            # Handlers of signals run between steps of Python: libpq has to return first.
            database.connection.cancel()

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    before = signal.signal(signal.SIGALRM, _raise)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        signal.signal(signal.SIGALRM, before)


def _raise(_number: int, _frame: FrameType | None) -> None:
    raise TimeIsUp
