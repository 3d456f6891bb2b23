"""How long things took, and what may be said of it on a machine that others use as well."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence


def timed(act: Callable[[], object]) -> float:
    """Return how many seconds it took."""
    began = time.monotonic()
    act()
    return time.monotonic() - began


def p95(seconds: Sequence[float]) -> float:
    """Return what nineteen of twenty did not exceed."""
    return sorted(seconds)[math.ceil(len(seconds) * 0.95) - 1]
