"""Start the longest tests first when several xdist workers share them.

Loaded by `-p devtools.launcher.pytest_order`. With `--dist worksteal` each worker begins with an
equal, contiguous share of the list, and takes from the end of another one's share when its own is
done. So each share begins with long tests and ends with short ones: a test of two minutes that is
started last would keep the other workers waiting.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from typing import TypeVar

import pytest

#: Beginnings of node ids, the longest tests first; all others are short.
LONG = (
    "tests/journeys/",
    "tests/faults/test_soak.py",
    "tests/model/",
    "tests/faults/test_database.py",
    "tests/faults/",
    "tests/ingest_faults/",
    "tests/browser/",
    "tests/devtools/",
)
T = TypeVar("T")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Reorder the tests, in the same way in every worker."""
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if workers > 1:
        files = [list(group) for _file, group in itertools.groupby(items, key=_file_of)]
        files.sort(key=lambda group: _rank(group[0].nodeid))
        items[:] = in_shares(files, workers)


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _rank(nodeid: str) -> int:
    return next((rank for rank, start in enumerate(LONG) if nodeid.startswith(start)), len(LONG))


def in_shares(files: Sequence[Sequence[T]], workers: int) -> list[T]:
    """Return the tests of all files as `workers` shares in a row, about equal in number.

    Each share keeps the order of the files, and a file stays whole, for its fixtures' sake.
    """
    shares: list[list[T]] = [[] for _worker in range(workers)]
    for file in files:
        min(shares, key=len).extend(file)
    return [test for share in shares for test in share]
