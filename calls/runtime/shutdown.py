"""Lets the processes of delivery end between two pieces of work when they are asked to stop.

One byte of shared memory, made before a pool forks: the parent hears the signal, its children look
at the byte. No lock, so nobody can die holding it.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

_requested = mmap.mmap(-1, 1)


def request() -> None:
    """Ask this process and those it forked to begin nothing new."""
    _requested[0] = 1


def is_requested() -> bool:
    """Whether nothing new may be begun."""
    return _requested[0] == 1


def until_requested(items: Iterable[T]) -> Iterator[T]:
    """Yield one item after the other; none more once this process is asked to stop."""
    for item in items:
        if is_requested():
            return
        yield item
