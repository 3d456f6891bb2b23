"""Imports a file of the v3 calls API, stored as by the signed endpoint."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, Protocol
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override
from tqdm import tqdm

from cabinets.models import CallSource
from calls.ingest.parsing.file_format import UnreadableListing, encoding_of
from calls.ingest.parsing.import_file import check_listing, records_of
from calls.ingest.parsing.record import BadRecord, CallRecord, read_records
from calls.ingest.source_use import record_import, record_warned
from calls.ingest.store import Result, store_calls
from calls.models import Way
from calls.runtime.read_ahead import read_ahead
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
#: Calls of one transaction: more make it no faster, and requests of the API that store the same
#: cabinet's calls wait for it.
CALLS_PER_STEP = 2000
SOME_REJECTED, UNREADABLE, DATABASE_AWAY = 1, 2, 3
#: As a shell says of a program that SIGINT ended.
INTERRUPTED = 130


Records = list[CallRecord | BadRecord]


class Command(BaseCommand):
    """Commits step by step; may be killed and run again: known calls are not stored twice."""

    help = (
        "Import calls from a JSON file of the v3 API, or a JSON record a line, in UTF-8, UTF-16 or "
        "windows-1251. Exit code 0: all usable, 1: some rejected, "
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

    def handle(self, *args: Any, **options: Any) -> None:
        counts: Counter[str] = Counter(created=0, updated=0, duplicate=0, rejected=0)
        with override("ru"):
            try:
                self._import(counts, options["file"], options["source"], options["report"])
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
        self, counts: Counter[str], file: Path, public_id: str, report: Path | None
    ) -> None:
        source = _source(public_id)
        with ExitStack() as stack:
            count, records = _read(file, stack)
            write = _report_writer(report, count, stack)
            bar = stack.enter_context(tqdm(total=count, unit="call", disable=None))
            for result in stack.enter_context(closing(_store_in_steps(records, source))):
                counts[result.status] += 1
                write(result)
                self._report_rejected(result)
                bar.update()

    def _report_rejected(self, result: Result) -> None:
        if result.error is not None:
            error = result.error
            with tqdm.external_write_mode():
                self.stderr.write(f"{result.index}: {error.code} {error.field} — {error.message}")


class _Write(Protocol):
    def __call__(self, result: Result, /) -> object: ...


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


def _read(file: Path, stack: ExitStack) -> tuple[int, Iterator[Any]]:
    """Return the number of records in the file and an iterator over them."""
    try:
        with file.open("rb") as raw:
            encoding = encoding_of(raw)
        text = stack.enter_context(file.open(encoding=encoding))
        listing = check_listing(text)
        text.seek(0)
    except OSError as problem:
        sentence = _("Файл {file} не открывается: {reason}.")
        raise _unreachable(sentence, file, problem) from None
    return listing.count, records_of(text, listing)


def _store_in_steps(items: Iterator[Any], source: CallSource) -> Generator[Result, None, None]:
    """Yield the result of every record, with its index in the whole file.

    Each step is one transaction. While PostgreSQL stores one, a thread reads the next.
    """
    start = 0
    with closing(read_ahead(_read_in_steps(items, source))) as steps:
        for records in steps:
            now = timezone.now()
            results = store_calls(source=source, records=records, now=now, way=Way.COMMAND)
            yield from (replace(one, index=start + one.index) for one in results)
            record_import(source, now=now)
            record_warned(source, [one.warning.message for one in results if one.warning], now=now)
            start += len(records)


def _read_in_steps(items: Iterator[Any], source: CallSource) -> Iterator[Records]:
    zone = ZoneInfo(source.time_zone) if source.time_zone else None
    while step := list(islice(items, CALLS_PER_STEP)):
        yield read_records(
            step, source_id=source.public_id, zone=zone, now=timezone.now(), region=source.region
        )


def _report_writer(report: Path | None, count: int, stack: ExitStack) -> _Write:
    if report is None:
        return lambda result: None
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
    return lambda result: writer.writerow(map(_without_formula, _report_row(result)))


def _workbook_report(file: IO[bytes], stack: ExitStack) -> _Write:
    columns = [Column(str(title), width) for title, width in REPORT_COLUMNS]
    write_row = stack.enter_context(workbook_writer(file, sheet=_("Отчёт"), columns=columns))
    return lambda result: write_row(_report_row(result))


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


def _report_row(result: Result) -> list[str]:
    problem = result.error or result.warning
    return [
        str(result.index),
        result.external_id,
        result.status,
        "" if result.call_id is None else str(result.call_id),
        *([problem.code, problem.field, problem.message] if problem else ["", "", ""]),
    ]


def _without_formula(text: str) -> str:
    """Return the text so that a spreadsheet does not execute it (OWASP ASVS 1.2.10)."""
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text
