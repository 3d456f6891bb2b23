"""A step of the start, as one line at the terminal: what, how far, and how long it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Tell = Callable[[str], None]


@contextmanager
def step(title: str) -> Iterator[Tell]:
    """Name the step, then its seconds; what is told in between is shown at a terminal only."""
    print(f"{title} … ", end="", flush=True)
    began = time.monotonic()
    told = ""

    def tell(words: str) -> None:
        nonlocal told
        if sys.stdout.isatty():
            _overwrite(told, words)
            told = words

    try:
        yield tell
    except BaseException:
        print(flush=True)
        raise
    _overwrite(told, f"{time.monotonic() - began:.1f} s")
    print(flush=True)


def _overwrite(former: str, words: str) -> None:
    """Write over what was told last, and blanks over what was longer."""
    whole = words.ljust(len(former))
    print("\b" * len(former) + whole + "\b" * (len(whole) - len(words)), end="", flush=True)
