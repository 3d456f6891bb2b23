"""Checks and stores due files in steps; each step is a transaction with the position after it."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile, gettempdir
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.core.serializers.json import DjangoJSONEncoder
from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from calls.decision.horizon import LINK_HORIZON
from calls.ingest.parsing.file_format import UnreadableListing
from calls.ingest.parsing.record import CallRecord
from calls.mapping import Mapping
from calls.models import FileImport, ImportState, Way
from calls.runtime import shutdown
from calls.runtime.failpoints import failpoint
from calls.runtime.read_ahead import read_ahead
from calls.states import HoldBack
from calls.tables.opening import open_table
from calls.tables.table import Table
from calls.ways.import_steps import RowResult, import_rows
from calls.ways.imports import claims, errors, files, plan, reading
from calls.ways.imports.reading import Step

logger = logging.getLogger(__name__)

#: Characters of a value in the first rows that are shown.
MAX_SHOWN = 200
#: Name of a copy of a file; far longer than a task may run, nobody reads it any more.
COPY_PREFIX = "callkeeper-import-"
COPY_SECONDS = 3600


def run_due(*, seconds: float) -> int:
    """Work on due imports until none is due or the time is over; return how many steps."""
    ends, steps = time.monotonic() + seconds, 0
    while time.monotonic() < ends and not shutdown.is_requested():
        found = claims.claim(timezone.now())
        if found is None:
            break
        try:
            steps += _work(found, lambda: time.monotonic() > ends or shutdown.is_requested())
        except claims.LeaseLost:
            logger.info("import %s was taken over", found.pk)
    return steps


def _work(one: FileImport, is_over: Callable[[], bool]) -> int:
    """Take the import further until its end or that of the time. May lose the lease.

    Errors of the database's connection are raised: the lease runs out.
    """
    if one.failures > claims.MAX_FAILURES:
        _give_up(one)
        return 0
    try:
        with _table(one) as table:
            if one.state == ImportState.STORING:
                return _store(one, table, is_over)
            if not one.checked and not _describe(one, table):
                return 0
            return _check(one, table, is_over)
    except UnreadableListing as problem:
        claims.fail(one, code="unreadable_file", text=str(problem), now=timezone.now())
    except (OperationalError, InterfaceError, SoftTimeLimitExceeded, claims.LeaseLost):
        raise
    except Exception:
        logger.exception("import %s failed", one.pk)
        _give_up(one)
    return 0


def _give_up(one: FileImport) -> None:
    sentence = _(
        "Файл не удалось обработать из-за ошибки на нашей стороне. Загрузите его ещё раз или "
        "разделите на несколько."
    )
    claims.fail(one, code="internal_error", text=sentence, now=timezone.now())


@contextmanager
def _table(one: FileImport) -> Iterator[Table]:
    """Open the table in a copy of the file, which is deleted afterwards."""
    _forget_copies()
    with NamedTemporaryFile(prefix=COPY_PREFIX) as copy:
        files.copy_to(one, copy)
        yield open_table(
            Path(copy.name),
            name=one.name,
            sheet=one.sheet or None,
            encoding=one.encoding or None,
            delimiter=one.delimiter or None,
        )


def _forget_copies() -> None:
    """Delete copies that workers left when they were killed."""
    too_old = time.time() - COPY_SECONDS
    for copy in Path(gettempdir()).glob(f"{COPY_PREFIX}*"):
        with suppress(OSError):
            if copy.stat().st_mtime < too_old:
                copy.unlink()


def _describe(one: FileImport, table: Table) -> bool:
    """Write what the file is; False when a person has to choose the columns first."""
    items = reading.first_items(table)
    columns = reading.columns_of(table, items)
    mapping = Mapping(one.mapping or {}, one.preset)
    if one.mapping is None:
        mapping = reading.guessed(one.source, columns, items)
    claims.describe(
        one,
        kind=table.kind,
        sheet=table.sheet or "",
        encoding=table.encoding or "",
        delimiter=table.delimiter or "",
        sheets=table.sheets,
        header=columns,
        mapping=mapping.fields,
        preset=mapping.preset,
        preview=_shown(items),
        rows_total=table.count,
    )
    is_readable = reading.is_readable(table, mapping)
    if not is_readable:
        sentence = _(
            "Непонятно, в каких столбцах начало звонка и номер клиента. Выберите их ниже и "
            "проверьте файл ещё раз."
        )
        claims.fail(one, code="columns_unknown", text=sentence, now=timezone.now())
    return is_readable


def _shown(items: list[dict[str, object]]) -> str:
    short = [{name: str(value)[:MAX_SHOWN] for name, value in one.items()} for one in items]
    return json.dumps(short, ensure_ascii=False, cls=DjangoJSONEncoder)


def _check(one: FileImport, table: Table, is_over: Callable[[], bool]) -> int:
    done = 0
    rows = islice(table.rows(), one.checked, None)
    read = reading.reader_of(one)
    with closing(read_ahead(reading.steps(rows, read, timezone.now()))) as steps:
        for step in steps:
            _check_step(one, step)
            done += 1
            if is_over():
                claims.release(one)
                return done
    claims.end_check(one)
    failpoint("after_import_check")
    return done


def _check_step(one: FileImport, step: Step) -> None:
    """Check the rows of a step; the first ones of the file are tried as well."""
    now, length = timezone.now(), len(step.records)
    too_old = sum(_is_too_old(record, now) for record in step.records)
    more: dict[str, Any] = {"too_old": one.too_old + too_old}
    problems = errors.of_records(step)
    if one.tried < plan.MOST_TRIED:
        trial = plan.try_step(one.source, step, now=now)
        problems = errors.of_results(trial.results)
        more |= {"tried": one.tried + length, "plan": plan.added(one.plan, trial)}
    with transaction.atomic():
        errors.keep(one, problems)
        bad = len(problems)
        claims.pass_checked(one, valid=length - bad, invalid=bad, now=now, **more)
    failpoint("after_import_check_step")


def _is_too_old(record: object, now: datetime) -> bool:
    return isinstance(record, CallRecord) and record.started_at < now - LINK_HORIZON


def _store(one: FileImport, table: Table, is_over: Callable[[], bool]) -> int:
    """Store the rest of the rows; the position is stored with the calls of each step."""

    def keep_position(results: Sequence[RowResult]) -> None:
        errors.keep(one, errors.of_results(results))
        claims.pass_stored(one, [it.result for it in results], now=timezone.now())
        failpoint("before_import_commit")

    done = 0
    steps = import_rows(
        islice(table.rows(), one.stored, None),
        source=one.source,
        way=Way.FILE,
        read=reading.reader_of(one),
        hold_back=None if one.is_sent else HoldBack.LOADED,
        on_step=keep_position,
        start=one.stored,
    )
    with closing(steps):
        for _results in steps:
            failpoint("after_import_step")
            done += 1
            if is_over():
                claims.release(one)
                return done
    claims.end_store(one, now=timezone.now())
    failpoint("after_import_end")
    return done
