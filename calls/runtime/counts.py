"""Counts of failures that /metrics shows; kept in the cache, which may lose them."""

from __future__ import annotations

from django.core.cache import cache

#: Manifests of uploads that could not be written.
MANIFESTS_FAILED = "callkeeper:manifests-failed"


def add_one(name: str) -> None:
    """Count one more. Raises RedisError when the cache is unavailable."""
    cache.add(name, 0, timeout=None)
    cache.incr(name)


def count_of(name: str) -> int:
    """Return the count. Raises RedisError when the cache is unavailable."""
    return int(cache.get(name, 0))
