"""The frozen bytes of uploads: stored in pieces of whole rows, read one piece at a time.

A file of any size passes through the memory of one piece, and a row is found without reading the
file. Bytes are copied in COPY's binary format: as text they are twice as long, and have to be read.

Files that were stored before pieces have all their bytes in one column and are read at once.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db import connection
from django.db.models import IntegerField
from django.db.models.functions import Coalesce, Length

from calls.models import UploadFile, UploadPiece

#: Rows of a piece: some 800 KB. Each is one statement to write and one to read.
ROWS_PER_PIECE = 4000
#: Enough for the names of all columns.
HEADER_BYTES = 1024

#: Number of the first row, from 1, and the bytes; the piece of row 1 begins with the header.
Piece = tuple[int, bytes]
View = tuple[int, memoryview]

# https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"
_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_END = struct.pack("!h", -1)
_COPY_IN = "COPY calls_uploadpiece (file_id, first_row, body) FROM STDIN (FORMAT binary)"
_COPY_OUT = """COPY (
    SELECT body FROM calls_uploadpiece WHERE file_id = %(file)s AND first_row = %(row)s
) TO STDOUT (FORMAT binary)"""


class PieceMissing(Exception):
    """A piece that was there is gone."""


@dataclass(frozen=True)
class Frozen:
    """What is known of bytes that were stored."""

    size: int
    sha256: str


def store(file_id: int, pieces: Iterable[Piece]) -> Frozen:
    """Store the pieces of a new file, in order; each may be let go of before the next is made.

    Runs in the transaction that creates the upload and its `UploadFile`.
    """
    digest, size = hashlib.sha256(), 0
    for first_row, body in pieces:
        digest.update(body)
        size += len(body)
        _copy_in(file_id, first_row, body)
    return Frozen(size, digest.hexdigest())


def size_of(file_id: int) -> int:
    """Return the number of bytes; raise UploadFile.DoesNotExist when nothing is stored."""
    files = UploadFile.objects.annotate(length=length())
    return int(files.values_list("length", flat=True).get(pk=file_id))


def length() -> Coalesce:
    """Return the expression of a file's number of bytes."""
    return Coalesce("size", Length("body"), output_field=IntegerField())


def pieces(file_id: int, *, first: int = 1, last: int | None = None) -> Iterator[Piece]:
    """Yield the pieces in order, each read when it is asked for.

    With ``first`` and ``last``: the first piece, which has the header, and those with these rows.
    """
    views = _views(file_id, first=first, last=last)
    return ((row, bytes(view)) for row, view in views)


def _views(file_id: int, *, first: int = 1, last: int | None = None) -> Iterator[View]:
    starts = list(_starts(file_id))
    if not starts:
        yield from _in_one(file_id)
        return
    for row, following in zip(starts, [*starts[1:], None], strict=True):
        is_early = following is not None and following <= first
        is_late = last is not None and row > last
        if row == 1 or not (is_early or is_late):
            yield row, _copy_out(file_id, row)


def bytes_of(file_id: int) -> Iterator[bytes]:
    """Yield the bytes, piece by piece."""
    return (body for _row, body in pieces(file_id))


def views_of(file_id: int) -> Iterator[memoryview]:
    """Yield the same bytes where they were received: to copy each piece once more costs time."""
    return (view for _row, view in _views(file_id))


_BEGINNING = """
SELECT substring(coalesce(p.body, f.body) FROM 1 FOR %(most)s), coalesce(f.size, length(f.body))
FROM calls_uploadfile f
LEFT JOIN calls_uploadpiece p ON p.file_id = f.upload_id AND p.first_row = 1
WHERE f.upload_id = %(file)s
"""


def beginning_of(file_id: int, most: int) -> tuple[bytes, bool]:
    """Return up to ``most`` bytes of the first piece, and whether they are the whole file."""
    with connection.cursor() as cursor:
        cursor.execute(_BEGINNING, {"file": file_id, "most": most})
        head, size = cursor.fetchone() or (b"", 0)
    return bytes(head), len(head) == size


_ROWS = f"""
SELECT wanted.file_id, wanted.row, coalesce(piece.first_row, 1),
       substring(coalesce(head.body, file.body) FROM 1 FOR {HEADER_BYTES}),
       coalesce(piece.body, file.body)
FROM unnest(%(files)s::bigint[], %(rows)s::int[]) AS wanted(file_id, row)
JOIN calls_uploadfile file ON file.upload_id = wanted.file_id
LEFT JOIN calls_uploadpiece head ON head.file_id = wanted.file_id AND head.first_row = 1
LEFT JOIN LATERAL (
    SELECT first_row, body FROM calls_uploadpiece p
    WHERE p.file_id = wanted.file_id AND p.first_row <= wanted.row
    ORDER BY p.first_row DESC LIMIT 1
) AS piece ON true
"""


@dataclass(frozen=True)
class PieceOfRow:
    """Where a row of a file is: the bytes of its piece, and the beginning of the file."""

    file_id: int
    row: int
    first_row: int
    head: bytes
    body: bytes


def pieces_of_rows(rows: Iterable[tuple[int, int]]) -> list[PieceOfRow]:
    """Return the piece of each (file id, row number from 1), in one query."""
    wanted = list(rows)
    if not wanted:
        return []
    values = {"files": [file for file, _row in wanted], "rows": [row for _file, row in wanted]}
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, values)
        return [
            PieceOfRow(file, row, first_row, bytes(head), bytes(body))
            for file, row, first_row, head, body in cursor.fetchall()
        ]


def _starts(file_id: int) -> Iterable[int]:
    stored = UploadPiece.objects.filter(file_id=file_id).order_by("first_row")
    return stored.values_list("first_row", flat=True)


def _in_one(file_id: int) -> Iterator[View]:
    body = UploadFile.objects.values_list("body", flat=True).get(pk=file_id)
    if body is not None:
        yield 1, memoryview(body)


def _copy_in(file_id: int, first_row: int, body: bytes) -> None:
    head = struct.pack("!hiqiii", 3, 8, file_id, 4, first_row, len(body))
    # Django does not wrap the errors of `copy_expert` by itself.
    with connection.cursor() as cursor, connection.wrap_database_errors:
        cursor.copy_expert(_COPY_IN, io.BytesIO(b"".join((_SIGNATURE, head, body, _END))), 1 << 16)


def _copy_out(file_id: int, row: int) -> memoryview:
    """Return the bytes of a piece where they were received."""
    answer = _Received()
    with connection.cursor() as cursor, connection.wrap_database_errors:
        query = cursor.mogrify(_COPY_OUT, {"file": file_id, "row": row}).decode()
        cursor.copy_expert(query, answer)
    copied = memoryview(answer.whole())[len(_SIGNATURE) :]
    fields, size = struct.unpack_from("!hi", copied) if len(copied) > len(_END) else (0, 0)
    if fields != 1:
        raise PieceMissing(f"row {row} of file {file_id}")
    return copied[6 : 6 + size]


class _Received:
    """What COPY writes, message by message; the signature and a row are one message."""

    def __init__(self) -> None:
        self._messages: list[bytes] = []

    def write(self, message: bytes) -> None:
        """Keep a message of the server."""
        self._messages.append(message)

    def whole(self) -> bytes:
        """Return all of it but the end mark, without a copy when that is one message."""
        row, *rest = self._messages
        return row if rest == [_END] else b"".join(self._messages)
