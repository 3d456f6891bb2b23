"""Lets the processes that send end between two uploads when they are asked to stop.

One byte of shared memory, made before a pool forks: the parent hears the signal, its children look
at the byte. No lock, so nobody can die holding it.
"""

from __future__ import annotations

import mmap

_asked = mmap.mmap(-1, 1)


def ask() -> None:
    """Ask this process and those it forked to begin nothing new."""
    _asked[0] = 1


def is_asked() -> bool:
    """Whether nothing new may be begun."""
    return _asked[0] == 1
