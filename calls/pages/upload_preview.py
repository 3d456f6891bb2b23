"""Reads the stored file of an upload: a preview, the rows as sent."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from calls.decision.csv_formats import text_lines
from calls.delivery import file_store
from calls.delivery.csv_writer import write_row
from calls.models import Delivery
from calls.states import Channel, IdKind

PREVIEW_ROWS = 50
#: Enough for the header and the rows of a preview with long cells.
PREVIEW_BYTES = 128 * 1024
# Python's reader refuses cells over 128 KiB by default; URLs of pages may be longer.
csv.field_size_limit(16 * 1024 * 1024)


@dataclass(frozen=True)
class Preview:
    """The beginning of a file."""

    header: list[str]
    rows: list[list[str]]


def preview_of(upload_id: int) -> Preview:
    """Return the first rows, reading only the beginning of the file."""
    head, is_whole = file_store.beginning_of(upload_id, PREVIEW_BYTES)
    lines = list(lines_of([head]))
    if not is_whole:
        # The last row may be cut in the middle.
        lines = lines[:-1]
    return Preview(lines[0] if lines else [], lines[1 : PREVIEW_ROWS + 1])


def values_of(rows: Iterable[tuple[int, int]]) -> dict[tuple[int, int], dict[str, str]]:
    """Return {column: value} as sent for each (upload id, row number from 1), in one query."""
    found: dict[tuple[int, int], dict[str, str]] = {}
    for piece in file_store.pieces_of_rows(rows):
        header = next(lines_of([piece.head]), [])
        # The first piece begins with the header: its rows are one line later.
        place = piece.row - piece.first_row + (piece.first_row == 1)
        line = next(islice(lines_of([piece.body]), place, None), None)
        if line is not None:
            found[piece.file_id, piece.row] = dict(zip(header, line, strict=False))
    return found


def values_to_send(delivery: Delivery) -> dict[str, str]:
    """Return {column: value} of the row that would be sent now; empty ones are left out."""
    body = write_row(
        delivery,
        channel=Channel(delivery.channel),
        id_kind=IdKind(delivery.id_kind or IdKind.CLIENT_ID),
        is_static=delivery.is_static,
    )
    header, *rows = lines_of([body])
    values = zip(header, rows[0] if rows else [], strict=False)
    return {column: value for column, value in values if value}


def lines_of(pieces: Iterable[bytes]) -> Iterator[list[str]]:
    """Return the header and the rows of a file's bytes; each piece ends with a row."""
    return csv.reader(text_lines(pieces))
