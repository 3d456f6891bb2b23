"""Reads a JSON file or JSON Lines as a table of records. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from calls.ingest.parsing.import_file import check_listing, records_of
from calls.tables.table import Kind, Row, Table


def open_json(path: Path, *, encoding: str) -> Table:
    """Open the records, after the file was read to its end. Raises UnreadableListing."""
    with path.open(encoding=encoding) as text:
        listing = check_listing(text)

    def rows() -> Iterator[Row]:
        with path.open(encoding=encoding) as text:
            for number, item in enumerate(records_of(text, listing), 1):
                yield Row(number, item)

    first = next(rows(), None)
    header = list(first.item) if first and isinstance(first.item, dict) else []
    kind: Kind = "jsonl" if listing.is_lines else "json"
    return Table(kind, header, rows, count=listing.count, encoding=encoding)
