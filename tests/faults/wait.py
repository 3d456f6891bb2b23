"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.03


def wait_for(holds: Callable[[], object], *, seconds: float, what: str) -> float:
    """Return after how many seconds it held, or fail when the time is over."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"after {seconds} s still not: {what}"
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - began
