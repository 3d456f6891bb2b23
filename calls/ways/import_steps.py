"""Stores the rows of a file step by step: a transaction each, the next one read meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest.parsing.record import BadRecord, CallRecord
from calls.ingest.source_use import record_import, record_warned
from calls.ingest.store import Result, store_calls
from calls.models import Way
from calls.runtime.read_ahead import read_ahead
from calls.states import HoldBack
from calls.tables.table import BadRow, Row

#: Calls of one transaction: more make it no faster, and requests of the API that store the same
#: cabinet's calls wait for it.
CALLS_PER_STEP = 2000

Record = CallRecord | BadRecord
#: Parses items at a time; runs in a thread and must not use the database.
Reader = Callable[[Sequence[Any], datetime], list[Record]]


@dataclass(frozen=True, slots=True)
class RowResult:
    """``number`` is that of the row in the file; the result's index counts records from 0."""

    number: int
    result: Result


#: Called in the transaction of a step, with its results.
OnStep = Callable[[Sequence[RowResult]], object]


def import_rows(
    rows: Iterator[Row],
    *,
    source: CallSource,
    way: Way,
    read: Reader,
    hold_back: HoldBack | None = None,
    on_step: OnStep | None = None,
    start: int = 0,
) -> Generator[Sequence[RowResult], None, None]:
    """Store the rows; yield the results of each step after its transaction.

    What ``on_step`` writes is committed with the step or not at all. ``start``: the index of the
    first row. Close the generator to stop between two steps.
    """
    with closing(read_ahead(_read_in_steps(rows, read))) as steps:
        for numbers, records in steps:
            now = timezone.now()
            with transaction.atomic():
                stored = store_calls(
                    source=source, records=records, now=now, way=way, hold_back=hold_back
                )
                results = [
                    RowResult(number, replace(one, index=start + one.index))
                    for number, one in zip(numbers, stored, strict=True)
                ]
                if on_step is not None:
                    on_step(results)
            yield results
            record_import(source, now=now)
            record_warned(source, [one.warning.stored for one in stored if one.warning], now=now)
            start += len(records)


def _read_in_steps(rows: Iterator[Row], read: Reader) -> Iterator[tuple[list[int], list[Record]]]:
    while step := list(islice(rows, CALLS_PER_STEP)):
        yield [row.number for row in step], read_rows(step, read, timezone.now())


def read_rows(rows: Sequence[Row], read: Reader, now: datetime) -> list[Record]:
    """Parse the rows in their order; a bad one keeps its reason and its cells."""
    usable = iter(read([row.item for row in rows if not isinstance(row.item, BadRow)], now))
    return [_rejected(row.item) if isinstance(row.item, BadRow) else next(usable) for row in rows]


def _rejected(row: BadRow) -> BadRecord:
    return BadRecord(row.code, "", row.message, raw=list(row.cells))
