"""Measures durations on a shared machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence


def timed(act: Callable[[], object]) -> float:
    """Return the seconds that the call took."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def p95(seconds: Sequence[float]) -> float:
    """Return the 95th percentile."""
    return sorted(seconds)[math.ceil(len(seconds) * 0.95) - 1]
