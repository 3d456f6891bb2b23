"""Graceful shutdown: the processes of delivery end between two items of work.

One byte of shared memory, created before a pool forks: the parent gets the signal and its children
read the byte. Without a lock, a killed process cannot leave one held.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_requested = mmap.mmap(-1, 1)


def request() -> None:
    """Request that this process, and those it forked, begin nothing new."""
    _requested[0] = 1


def is_requested() -> bool:
    """Whether a shutdown was requested: nothing new may begin."""
    return _requested[0] == 1


def until_requested(items: Iterable[T]) -> Iterator[T]:
    """Yield the items, until a shutdown is requested."""
    for item in items:
        if is_requested():
            return
        yield item
