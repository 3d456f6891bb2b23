"""Imports a file of calls, a table or JSON, stored as by the signed endpoint."""

from __future__ import annotations

import csv
import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import IO, Any, Protocol

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from tqdm import tqdm

from cabinets.models import CallSource
from calls.ingest.parsing.file_format import UnreadableListing
from calls.ingest.store import Result
from calls.mapping.field_mapping import Mapping, usable_fields
from calls.models import Way
from calls.tables.opening import open_table
from calls.tables.table import Table
from calls.ways.import_steps import RowResult, import_rows
from calls.ways.saved_mapping import source_reader
from calls.ways.table_mapping import mapping_of
from calls.workbook import MAX_ROWS, Column, workbook_writer

REPORT_HEADER = ("index", "universalId", "status", "call_id", "code", "field", "message")
#: The same columns for people, with their widths.
REPORT_COLUMNS = (
    (gettext_lazy("Номер записи"), 14),
    (gettext_lazy("universalId"), 26),
    (gettext_lazy("Итог"), 14),
    (gettext_lazy("Звонок"), 14),
    (gettext_lazy("Код причины"), 20),
    (gettext_lazy("Поле"), 20),
    (gettext_lazy("Причина"), 80),
)
#: A spreadsheet executes a cell that begins with one of these as a formula.
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")
SOME_REJECTED, UNREADABLE, DATABASE_AWAY = 1, 2, 3
#: As a shell says of a program that SIGINT ended.
INTERRUPTED = 130


class Command(BaseCommand):
    """Commits step by step; may be killed and run again: known calls are not stored twice."""

    help = (
        "Import calls from CSV, XLSX, JSON of the v3 API or a JSON record a line, in UTF-8, UTF-16 "
        "or windows-1251. Exit code 0: all usable, 1: some rejected, "
        "2: the file cannot be read, 3: the database went away, 130: stopped (run again)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--source", required=True, help="public id of the source: src_…")
        parser.add_argument(
            "--report",
            type=Path,
            help="write a line per call into this file: .csv for programs, .xlsx for people",
        )
        parser.add_argument(
            "--mapping",
            type=Path,
            help='JSON object "our field": "column", instead of the mapping of the source',
        )
        parser.add_argument("--sheet", help="name of the sheet of an XLSX file, else the first")
        parser.add_argument("--encoding", help="encoding of the text, else found")
        parser.add_argument("--delimiter", help="separator of a CSV file, else found")

    def handle(self, *args: Any, **options: Any) -> None:
        counts: Counter[str] = Counter(created=0, updated=0, duplicate=0, rejected=0)
        with override("ru"):
            try:
                self._import(counts, **options)
            except UnreadableListing as problem:
                raise CommandError(str(problem), returncode=UNREADABLE) from None
            except OperationalError:
                sentence = _("База данных недоступна. Обработано {done}: запустите ещё раз.")
                raise _stopped(sentence, counts, DATABASE_AWAY) from None
            except KeyboardInterrupt:
                sentence = _("Остановлено. Обработано {done}: запустите ещё раз.")
                raise _stopped(sentence, counts, INTERRUPTED) from None
            self.stdout.write(_summary(counts) if counts.total() else _("Звонков нет"))
        if counts["rejected"]:
            raise SystemExit(SOME_REJECTED)

    def _import(
        self, counts: Counter[str], *, file: Path, source: str, report: Path | None, **options: Any
    ) -> None:
        caller = _source(source)
        with ExitStack() as stack:
            table = _open(file, options)
            given = options["mapping"]
            mapping = _mapping_in(given) if given else mapping_of(table, caller)
            count = table.count
            if count is None and report is not None:
                count = sum(1 for _row in table.rows())
            write = _report_writer(report, count or 0, stack)
            bar = stack.enter_context(tqdm(total=count, unit="call", disable=None))
            read = source_reader(caller, mapping)
            steps = import_rows(table.rows(), source=caller, way=Way.COMMAND, read=read)
            for one in _each(stack.enter_context(closing(steps))):
                # A record of JSON is counted from 0, a row has its number in the file.
                place = one.number if table.kind in ("csv", "xlsx") else one.result.index
                counts[one.result.status] += 1
                write(place, one.result)
                self._report_rejected(place, one.result)
                bar.update()

    def _report_rejected(self, place: int, result: Result) -> None:
        if result.error is not None:
            error = result.error
            with tqdm.external_write_mode():
                self.stderr.write(f"{place}: {error.code} {error.field} — {error.message}")


class _Write(Protocol):
    def __call__(self, place: int, result: Result, /) -> object: ...


def _summary(counts: Counter[str]) -> str:
    sentence = _(
        "Создано {created}, изменено {updated}, уже были {duplicate}, отклонено {rejected}"
    )
    return sentence.format_map(counts)


def _stopped(sentence: str, counts: Counter[str], code: int) -> CommandError:
    return CommandError(sentence.format(done=counts.total()), returncode=code)


def _source(public_id: str) -> CallSource:
    source = CallSource.objects.filter(public_id=public_id).first()
    if source is None:
        raise CommandError(_("Нет источника {id}.").format(id=public_id), returncode=UNREADABLE)
    return source


def _open(file: Path, options: dict[str, Any]) -> Table:
    try:
        return open_table(
            file,
            sheet=options["sheet"],
            encoding=options["encoding"],
            delimiter={"tab": "\t", "\\t": "\t"}.get(options["delimiter"], options["delimiter"]),
        )
    except OSError as problem:
        sentence = _("Файл {file} не открывается: {reason}.")
        raise _unreachable(sentence, file, problem) from None


def _mapping_in(file: Path) -> Mapping:
    """Return the mapping that the file has. Raises CommandError."""
    try:
        came = json.loads(file.read_bytes())
    except OSError as problem:
        sentence = _("Файл {file} не открывается: {reason}.")
        raise _unreachable(sentence, file, problem) from None
    except ValueError:
        came = None
    mapping = Mapping(usable_fields(came)) if isinstance(came, dict) else Mapping()
    if not mapping or len(mapping.fields) != len(came):
        sentence = _('В файле {file} нужен объект JSON: {{"наше поле": "столбец"}}.')
        raise CommandError(sentence.format(file=file), returncode=UNREADABLE)
    return mapping


def _each(steps: Iterator[Sequence[RowResult]]) -> Iterator[RowResult]:
    for step in steps:
        yield from step


def _report_writer(report: Path | None, count: int, stack: ExitStack) -> _Write:
    if report is None:
        return lambda place, result: None
    is_workbook = report.suffix.lower() == ".xlsx"
    if is_workbook and count > MAX_ROWS:
        sentence = _(
            "В файл .xlsx помещается не больше {limit} строк, а записей {count}: назовите .csv."
        )
        raise CommandError(sentence.format(limit=MAX_ROWS, count=count), returncode=UNREADABLE)
    try:
        if is_workbook:
            return _workbook_report(stack.enter_context(report.open("wb")), stack)
        file = stack.enter_context(report.open("w", encoding="utf-8-sig", newline=""))
    except OSError as problem:
        sentence = _("Отчёт {file} не записать: {reason}.")
        raise _unreachable(sentence, report, problem) from None
    writer = csv.writer(file)
    writer.writerow(REPORT_HEADER)
    return lambda place, result: writer.writerow(map(_without_formula, _report_row(place, result)))


def _workbook_report(file: IO[bytes], stack: ExitStack) -> _Write:
    columns = [Column(str(title), width) for title, width in REPORT_COLUMNS]
    write_row = stack.enter_context(workbook_writer(file, sheet=_("Отчёт"), columns=columns))
    return lambda place, result: write_row(_report_row(place, result))


def _unreachable(sentence: str, file: Path, problem: OSError) -> CommandError:
    match problem:
        case FileNotFoundError() | NotADirectoryError():
            reason = _("такого файла или папки нет")
        case PermissionError():
            reason = _("нет прав")
        case IsADirectoryError():
            reason = _("это папка")
        case _:
            reason = _("ошибка системы {number}").format(number=problem.errno)
    return CommandError(sentence.format(file=file, reason=reason), returncode=UNREADABLE)


def _report_row(place: int, result: Result) -> list[str]:
    problem = result.error or result.warning
    return [
        str(place),
        result.external_id,
        result.status,
        "" if result.call_id is None else str(result.call_id),
        *([problem.code, problem.field, problem.message] if problem else ["", "", ""]),
    ]


def _without_formula(text: str) -> str:
    """Return the text so that a spreadsheet does not execute it (OWASP ASVS 1.2.10)."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
