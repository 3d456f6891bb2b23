"""Makes the next item of an iterator in a thread while the caller works on the one before."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.utils.translation import activate, get_language

Item = TypeVar("Item")
#: First part of the thread's name.
THREAD = "read_ahead"
_END: Any = object()


def read_ahead(items: Iterator[Item]) -> Generator[Item, None, None]:
    """Yield the items in order. An error of the iterator is raised when its item is asked for.

    At most one item more than the caller's is in memory. The iterator runs in the caller's
    language, and must not use the database: a thread has a connection of its own. Close it:
    then the thread has ended, after the item that it was making.
    """
    with ThreadPoolExecutor(1, THREAD, initializer=activate, initargs=(get_language(),)) as thread:
        following = thread.submit(next, items, _END)
        while (item := following.result()) is not _END:
            following = thread.submit(next, items, _END)
            yield item
