"""Password hashing in a small pool of threads of low priority; the surplus is refused at once.

A hash takes a core for a quarter of a second on purpose. The web server's own threads also take
calls in, so guesses must neither occupy them all nor have the same priority.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

Result = TypeVar("Result")

#: Linux gives a thread of this niceness a tenth of a core that others want as well.
NICENESS = 10
#: Seconds after which a person may try again.
RETRY_SECONDS = 2

_slots = threading.BoundedSemaphore(settings.PASSWORD_HASHES_AT_A_TIME)
#: One more for people whose browser is known: a flood of guesses must not shut them out.
_reserved = threading.BoundedSemaphore(1)
_has_slot: ContextVar[bool] = ContextVar("hashing_slot", default=False)


class HashingBusy(Exception):
    """PASSWORD_HASHES_AT_A_TIME threads of this process are hashing already."""


@contextmanager
def hashing_slot(*, is_known: bool = False) -> Iterator[None]:
    """Hold one of the process's slots; inside, any number of hashes is made one by one.

    Raises HashingBusy at once when there is none. Nested calls share the slot. ``is_known`` is for
    a person who is signed in or was, in this browser.
    """
    if _has_slot.get():
        yield
        return
    slot = _acquire([_slots, _reserved] if is_known else [_slots])
    before = _has_slot.set(True)
    try:
        yield
    finally:
        _has_slot.reset(before)
        slot.release()


def refuse_if_busy() -> None:
    """Raise HashingBusy if a slot for an unknown browser is not free now: before any other work."""
    _acquire([_slots]).release()


def _acquire(pools: Iterable[threading.BoundedSemaphore]) -> threading.BoundedSemaphore:
    for pool in pools:
        if pool.acquire(blocking=False):
            return pool
    raise HashingBusy


class PooledPBKDF2Hasher(PBKDF2PasswordHasher):
    """Django's default hasher; each hash is made in the pool. Stored hashes are the same."""

    def encode(self, password: str, salt: str, iterations: int | None = None) -> str:
        """Return the hash, for a check as well. Raises HashingBusy."""
        return _in_pool(lambda: PBKDF2PasswordHasher.encode(self, password, salt, iterations))


def _in_pool(work: Callable[[], Result]) -> Result:
    """Run the work in a thread of the pool; there is one for each slot, so it never queues."""
    with hashing_slot():
        return _pool().submit(work).result()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        max_workers=settings.PASSWORD_HASHES_AT_A_TIME + 1,
        thread_name_prefix="hashing",
        initializer=_lower_priority,
    )


os.register_at_fork(after_in_child=_pool.cache_clear)  # threads do not survive a fork


def _lower_priority() -> None:
    """Lower the priority of this thread alone; only Linux has one per thread."""
    if os.uname().sysname == "Linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
