"""Polls a condition until a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

PAUSE_SECONDS = 0.06


def wait_for(holds: Callable[[], object], *, seconds: float, what: str) -> float:
    """Poll until the condition holds; return the seconds it took, or fail at the deadline."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"after {seconds} s still not: {what}"
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - began
