"""Reads the stored file of an upload: a preview, the rows as sent."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import F, Func, IntegerField, Value
from django.db.models.fields import BinaryField

from calls.models import UploadFile

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
    """Return the first rows, reading only the beginning of the bytes from the database."""
    start = Func(
        F("body"), Value(1), Value(PREVIEW_BYTES), function="substring", output_field=BinaryField()
    )
    whole = Func(F("body"), function="octet_length", output_field=IntegerField())
    found = UploadFile.objects.filter(pk=upload_id).values_list(start, whole).first()
    if found is None:
        return Preview([], [])
    head, length = bytes(found[0]), found[1]
    lines = list(lines_of(head))
    if length > len(head):
        # The last row may be cut in the middle.
        lines = lines[:-1]
    return Preview(lines[0] if lines else [], lines[1 : PREVIEW_ROWS + 1])


def values_of(rows: Iterable[tuple[int, int]]) -> dict[tuple[int, int], dict[str, str]]:
    """Return {column: value} as sent for each (upload id, row number from 1), in one query."""
    wanted: dict[int, set[int]] = {}
    for upload_id, number in rows:
        wanted.setdefault(upload_id, set()).add(number)
    found: dict[tuple[int, int], dict[str, str]] = {}
    for file in UploadFile.objects.filter(pk__in=wanted):
        for number, values in _picked(bytes(file.body), wanted[file.pk]):
            found[file.pk, number] = values
    return found


def _picked(body: bytes, numbers: set[int]) -> Iterator[tuple[int, dict[str, str]]]:
    lines = lines_of(body)
    header = next(lines, [])
    for number, line in enumerate(lines, start=1):
        if number in numbers:
            yield number, dict(zip(header, line, strict=False))
        if number >= max(numbers):
            return


def lines_of(body: bytes) -> Iterator[list[str]]:
    """Return the header and the rows."""
    text = io.TextIOWrapper(io.BytesIO(body), encoding="utf-8", errors="replace", newline="")
    return csv.reader(text)
