"""One line at the terminal per step of the start: title, progress, seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Report = Callable[[str], None]


@contextmanager
def progress_line(title: str) -> Iterator[Report]:
    """Print the title, then the seconds; progress in between is shown at a terminal only."""
    print(f"{title} … ", end="", flush=True)
    began = time.monotonic()
    shown = ""

    def report(words: str) -> None:
        nonlocal shown
        if sys.stdout.isatty():
            _overwrite(shown, words)
            shown = words

    try:
        yield report
    except BaseException:
        print(flush=True)
        raise
    _overwrite(shown, f"{time.monotonic() - began:.1f} s")
    print(flush=True)


def _overwrite(former: str, words: str) -> None:
    """Replace the text shown last, padding with blanks."""
    whole = words.ljust(len(former))
    print("\b" * len(former) + whole + "\b" * (len(whole) - len(words)), end="", flush=True)
