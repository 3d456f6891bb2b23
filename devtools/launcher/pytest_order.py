"""Order the tests for several xdist workers: long ones first, and those that wait in one share.

Loaded by `-p devtools.launcher.pytest_order`. With `--dist worksteal` each worker begins with an
equal, contiguous share of the list, and takes from the end of another one's share when its own is
done. So each share begins with long tests and ends with short ones: a test of two minutes that is
started last would keep the other workers waiting.

A test of faults waits most of its time, for leases and graces of seconds. If every worker began
with such tests, the cores would be idle for minutes and then have more to do than they can; with
most of them in the first share, the other workers use what they leave.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

#: Beginnings of node ids of tests that wait most of their time, the longest first.
WAITING = (
    "tests/faults/test_soak.py",
    "tests/faults/test_database.py",
    "tests/faults/test_broker.py",
    "tests/faults/",
)
#: Of the other long tests, the longest first; all that are left are short.
LONG = (
    "tests/journeys/",
    "tests/model/",
    "tests/browser/",
    "tests/faults/test_kill_points.py",
    "tests/ingest_faults/",
    "tests/devtools/",
)
STARTS = WAITING + LONG
T = TypeVar("T")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reorder the tests, in the same way in every worker."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        files = [list(group) for _file, group in itertools.groupby(items, key=_file_of)]
        files.sort(key=lambda group: rank(group[0].nodeid))
        first = sum(rank(group[0].nodeid) < len(WAITING) for group in files)
        items[:] = in_shares(files[:first], files[first:], workers)


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def rank(nodeid: str) -> int:
    """Return the place in STARTS of the longest beginning of the node id; behind all, if none."""
    found = max((start for start in STARTS if nodeid.startswith(start)), key=len, default=None)
    return len(STARTS) if found is None else STARTS.index(found)


def in_shares(
    waiting: Sequence[Sequence[T]], others: Sequence[Sequence[T]], workers: int
) -> list[T]:
    """Return the tests of all files as `workers` shares in a row, about equal in number.

    The first share begins with the tests that wait. Each keeps the order of the files, and a file
    stays whole, for its fixtures' sake.
    """
    shares: list[list[T]] = [[] for _worker in range(workers)]
    shares[0].extend(itertools.chain.from_iterable(waiting))
    for file in others:
        min(shares, key=len).extend(file)
    return [test for share in shares for test in share]
