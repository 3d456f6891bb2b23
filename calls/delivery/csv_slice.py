"""Copies rows of a frozen CSV file byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from calls.delivery.file_store import Piece


def cut_rows(pieces: Iterable[Piece], first: int, last: int) -> Iterator[Piece]:
    """Yield the pieces of a file of the header and rows ``first`` to ``last``, counted from 1.

    ``pieces`` are in order, with the first one and all that have these rows.
    """
    header = b""
    for first_row, body in pieces:
        records = _records(body)
        if first_row == 1:
            header = next(records)
        chosen = [
            record for number, record in enumerate(records, first_row) if first <= number <= last
        ]
        if chosen:
            yield max(first_row, first) - first + 1, header + b"".join(chosen)
            header = b""


def _records(body: bytes) -> Iterator[bytes]:
    """Yield the records with their line ends. A line end inside quotes belongs to the cell."""
    record = b""
    for line in body.splitlines(keepends=True):
        record += line
        if record.count(b'"') % 2 == 0:
            yield record
            record = b""
