"""Reads rows of a file as records of calls, through the mapping of its columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from cabinets.models import CallSource
from calls.mapping import Mapping, flatten, guess, matching_preset
from calls.mapping.field_mapping import usable_fields
from calls.mapping.guessing import is_enough
from calls.models import FileImport, SourceMapping
from calls.tables.table import Row, Table
from calls.ways.import_steps import CALLS_PER_STEP, Reader, Record, read_rows
from calls.ways.saved_mapping import source_reader

ROWS_PER_STEP = CALLS_PER_STEP
#: First rows that a person sees, and from which the columns are guessed.
PREVIEW_ROWS = 10


@dataclass(frozen=True)
class Step:
    """Some rows that follow each other, and the record of each."""

    numbers: list[int]
    records: list[Record]


def reader_of(one: FileImport) -> Reader:
    """Return what reads rows of the file through the mapping that is stored."""
    mapping = Mapping(one.mapping or {}, one.preset)
    return source_reader(one.source, mapping or None)


def steps(rows: Iterator[Row], read: Reader, now: datetime) -> Iterator[Step]:
    """Yield the steps of the rows. Raises UnreadableListing."""
    while step := list(islice(rows, ROWS_PER_STEP)):
        yield Step([one.number for one in step], read_rows(step, read, now))


def first_items(table: Table) -> list[dict[str, Any]]:
    """Return the first rows that are records. Raises UnreadableListing."""
    first = islice(table.rows(), PREVIEW_ROWS)
    return [one.item for one in first if isinstance(one.item, dict)]


def columns_of(table: Table, items: Sequence[dict[str, Any]]) -> list[str]:
    """Return what a mapping may choose from: columns, or the paths of the first JSON records."""
    if table.kind in ("csv", "xlsx"):
        return table.header
    return list(dict.fromkeys(path for one in items for path in flatten(one)))


def guessed(source: CallSource, columns: Sequence[str], items: Sequence[dict[str, Any]]) -> Mapping:
    """Return the source's saved mapping if it fits, else a ready one that does, else a guess.

    It fits where `calls.ways.table_mapping` uses it: it has the start of the call.
    """
    saved = SourceMapping.objects.filter(source=source).first()
    fields = usable_fields(saved.fields) if saved else {}
    if saved and fields.get("callTime") in columns:
        there = {name: path for name, path in fields.items() if path in columns}
        return Mapping(there, saved.preset)
    preset = matching_preset(columns)
    if preset is not None:
        return preset.mapping(columns)
    return guess(columns, _samples(items))


def is_readable(table: Table, mapping: Mapping) -> bool:
    """Whether calls can come of the rows: JSON may have the names of v3 deeper down."""
    return is_enough(mapping) or table.kind in ("json", "jsonl")


def _samples(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return path → the first value of it that is not blank."""
    found: dict[str, Any] = {}
    for item in items:
        for path, value in flatten(item).items():
            if str(value).strip():
                found.setdefault(path, value)
    return found
