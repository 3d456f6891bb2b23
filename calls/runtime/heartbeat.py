"""Heartbeat: a time in the cache that shows that beat and a worker run; `/readyz` reads its age."""

from __future__ import annotations

from datetime import datetime

from django.core.cache import cache
from django.utils import timezone

KEY = "callkeeper:heartbeat"


def beat() -> None:
    """Store the current time."""
    cache.set(KEY, timezone.now().isoformat(), timeout=3600)


def age_seconds(now: datetime) -> float | None:
    """Return the age of the last heartbeat; None when there is none."""
    stored = cache.get(KEY)
    return (now - datetime.fromisoformat(stored)).total_seconds() if stored else None
