"""A mark in the broker that beat and a worker are alive: `/readyz` reads its age."""

from __future__ import annotations

from datetime import datetime

from django.core.cache import cache
from django.utils import timezone

KEY = "callkeeper:heartbeat"


def beat() -> None:
    """Leave the mark."""
    cache.set(KEY, timezone.now().isoformat(), timeout=3600)


def age_seconds(now: datetime) -> float | None:
    """Return how old the mark is; None when there is none."""
    mark = cache.get(KEY)
    return (now - datetime.fromisoformat(mark)).total_seconds() if mark else None
