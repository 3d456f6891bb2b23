"""The rows of a file that cannot become calls, kept for the file of errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from calls.ingest.parsing.json_values import storable
from calls.ingest.parsing.record import BadRecord
from calls.models import FileError, FileImport
from calls.ways.import_steps import RowResult
from calls.ways.imports.reading import Step

#: Number of the row, and what is wrong with it.
Problem = tuple[int, BadRecord]
PAGE = 2000


def of_records(step: Step) -> list[Problem]:
    """Return the rows that cannot be read."""
    pairs = zip(step.numbers, step.records, strict=True)
    return [(number, record) for number, record in pairs if isinstance(record, BadRecord)]


def of_results(results: Sequence[RowResult]) -> list[Problem]:
    """Return the rows that were rejected, also because of what is stored."""
    found = ((one.number, one.result.error) for one in results)
    return [(number, error) for number, error in found if error is not None]


def keep(file_import: FileImport, problems: Sequence[Problem]) -> None:
    """Keep them; a row that is kept already stays as it is."""
    rows = [
        FileError(
            file_import=file_import,
            row=number,
            code=error.code[:40],
            field=str(storable(error.field))[:100],
            message=str(storable(error.message)),
        )
        for number, error in problems
    ]
    FileError.objects.bulk_create(rows, ignore_conflicts=True)


def in_order(file_import: FileImport) -> Iterator[FileError]:
    """Yield the errors by row, a page at a time."""
    last = -1
    while page := list(file_import.errors.filter(row__gt=last).order_by("row")[:PAGE]):
        yield from page
        last = page[-1].row
