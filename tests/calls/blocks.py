"""Counts the blocks that PostgreSQL touches for the SELECT statements of a piece of code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection


class Blocks:
    """Blocks of 8 KiB found in memory or read, and the statement with the most of them."""

    def __init__(self) -> None:
        self.total = 0
        self.worst: tuple[int, str] = (0, "")

    def add(self, blocks: int, sql: str) -> None:
        self.total += blocks
        self.worst = max(self.worst, (blocks, sql))


@contextmanager
def counted_blocks() -> Iterator[Blocks]:
    """Count the blocks of every SELECT inside, by EXPLAIN before it."""
    blocks = Blocks()

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        is_named = getattr(context["cursor"].cursor, "name", None)  # a cursor of the server
        if sql.lstrip().startswith(("SELECT", "WITH")) and not is_named:
            execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", params, many, context)
            plan = context["cursor"].fetchone()[0][0]["Plan"]
            blocks.add(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"], sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield blocks
