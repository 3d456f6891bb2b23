"""Lets only so many senders in at a time, so that the other steps of delivery find a free worker.

A courtesy, not a lock: what it counts in the broker may be lost, and correctness rests on rows.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache
from redis.exceptions import RedisError

PLACES = 2
#: A place whose holder died is free again after this; longer than an ordinary turn.
PLACE_SECONDS = 45


@contextmanager
def place() -> Iterator[bool]:
    """Hold a place for the time of the block; False when all are taken."""
    holder = uuid.uuid4().hex
    try:
        taken = next((key for key in _keys() if cache.add(key, holder, PLACE_SECONDS)), None)
    except RedisError:
        yield True
        return
    try:
        yield taken is not None
    finally:
        _leave(taken, holder)


def _keys() -> list[str]:
    return [f"callkeeper:sender:{number}" for number in range(PLACES)]


def _leave(key: str | None, holder: str) -> None:
    try:
        if key is not None and cache.get(key) == holder:
            cache.delete(key)
    except RedisError:
        return
