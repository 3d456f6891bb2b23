"""Files of the ledger that a worker makes: ordered by a person, made in steps, kept a day.

The row of an export is its place in the queue. A step reads some calls and stores their lines and
the place after them in one transaction: a process that dies leaves a shorter way to the next one.
"""

from __future__ import annotations

import json
import logging
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone, translation

from cabinets.models import Cabinet
from calls.models import ExportState, LedgerExport, LedgerExportPiece
from calls.pages.ledger_export.rows import TIMES, LedgerReader
from calls.queries.ledger_filters import CallFilters
from calls.queries.ledger_walk import Place, ends
from calls.runtime import shutdown
from calls.workbook import Cell

logger = logging.getLogger(__name__)

#: The first and the last day of calls; None where none is chosen.
Days = tuple[date | None, date | None]

#: How long a file that is ready is kept.
KEPT = timedelta(hours=24)
#: Files of a cabinet that are ready and kept; an older one gives way to a new order.
MAX_KEPT = 5
#: Rows of a file: as many fit into a sheet of Excel.
MAX_ROWS = 1_000_000
#: Times that a step may fail before the export is given up.
MAX_FAILURES = 5


def order(
    cabinet: Cabinet, filters: CallFilters, *, actor: User, is_whole: bool, now: datetime
) -> LedgerExport | None:
    """Have the file made, in the language and time zone of now; None while another is made."""
    try:
        with transaction.atomic():
            new = LedgerExport.objects.create(
                cabinet=cabinet,
                requested_by=actor,
                requested_at=now,
                filters=_frozen(filters),
                zone=timezone.get_current_timezone_name(),
                language=translation.get_language() or "ru",
                is_whole=is_whole,
            )
            ended = LedgerExport.objects.filter(cabinet=cabinet).exclude(pk=new.pk)
            kept = ended.order_by("-requested_at").values_list("pk", flat=True)[: MAX_KEPT - 1]
            ended.exclude(pk__in=list(kept)).delete()
    except IntegrityError:
        return None
    return new


def cancel(pk: int, *, now: datetime) -> bool:
    """End the export and delete its rows; False when it has ended."""
    with transaction.atomic():
        working = LedgerExport.objects.working().filter(pk=pk)
        if not working.update(state=ExportState.CANCELLED, finished_at=now):
            return False
        LedgerExportPiece.objects.filter(export_id=pk).delete()
    return True


def run_due(*, seconds: float) -> int:
    """Go on with the exports for about so many seconds, in turn; return the steps made."""
    deadline, steps = time.monotonic() + seconds, 0
    LedgerExport.objects.filter(finished_at__lt=timezone.now() - KEPT).delete()
    waiting = list(LedgerExport.objects.working().order_by("pk").values_list("pk", flat=True))
    while waiting and time.monotonic() < deadline and not shutdown.is_requested():
        waiting = [pk for pk in waiting if _try_step(pk)]
        steps += len(waiting)
    return steps


def _try_step(pk: int) -> bool:
    """Make one step; False when there is none to make now. An export that fails is given up."""
    try:
        is_made = _step(pk)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        logger.exception("export %s failed", pk)
        working = LedgerExport.objects.working().filter(pk=pk)
        working.update(failures=F("failures") + 1)
        working.filter(failures__gte=MAX_FAILURES).update(
            state=ExportState.FAILED, finished_at=timezone.now()
        )
        return False
    return is_made


@transaction.atomic
def _step(pk: int) -> bool:
    locked = LedgerExport.objects.working().select_for_update(skip_locked=True, of=("self",))
    one = locked.select_related("cabinet").filter(pk=pk).first()
    if one is None:
        return False
    with translation.override(one.language), timezone.override(ZoneInfo(one.zone)):
        reader = reader_of(one)
        if one.newest_at is None:
            found = ends(one.cabinet, reader.filters, now=one.requested_at)
            one.newest_at, one.oldest_at = found or (one.requested_at, one.requested_at)
        lines = reader.step(Place.of(one.place))
    rows = lines.rows[: MAX_ROWS - one.rows]
    one.is_cut = len(rows) < len(lines.rows) or (
        lines.next is not None and one.rows + len(rows) >= MAX_ROWS
    )
    if rows:
        LedgerExportPiece.objects.create(export=one, number=one.rows, data=_packed(rows))
    one.rows, one.failures = one.rows + len(rows), 0
    if lines.next is None or one.is_cut:
        one.state, one.finished_at = ExportState.DONE, timezone.now()
    else:
        one.place = lines.next.cursor
    one.save()
    return True


def days_of(one: LedgerExport) -> Days:
    """Return the first and the last day that was ordered."""
    return _days_of(one.filters)


def reader_of(one: LedgerExport) -> LedgerReader:
    """Return the reader of what was ordered, as it was then."""
    return LedgerReader(
        cabinet=one.cabinet,
        filters=_thawed(one.filters),
        now=one.requested_at,
        zone=ZoneInfo(one.zone),
        is_whole=one.is_whole,
    )


def stored_rows(one: LedgerExport) -> Iterator[Sequence[Cell]]:
    """Yield the rows of an export that is ready; one piece is in memory at a time."""
    number = 0
    while True:
        found = LedgerExportPiece.objects.filter(export=one, number=number)
        data = found.values_list("data", flat=True).first()
        if data is None:
            return
        rows = _unpacked(bytes(data))
        yield from rows
        number += len(rows)


def progress_of(one: LedgerExport) -> int:
    """Return how many per cent of the time between the first and the last call are read."""
    place = Place.of(one.place)
    if one.newest_at is None or one.oldest_at is None or place is None:
        return 0
    whole = (one.newest_at - one.oldest_at).total_seconds()
    share = (one.newest_at - place.at).total_seconds() / whole if whole else 1
    return min(100, max(0, int(100 * share)))


def _packed(rows: Sequence[Sequence[Cell]]) -> bytes:
    return zlib.compress(json.dumps(rows, ensure_ascii=False, default=_iso).encode(), 1)


def _iso(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()


def _unpacked(data: bytes) -> list[list[Cell]]:
    rows: list[list[Any]] = json.loads(zlib.decompress(data))
    for row in rows:
        for place in TIMES:
            row[place] = datetime.fromisoformat(row[place]) if row[place] else None
    return rows


def _frozen(filters: CallFilters) -> dict[str, Any]:
    """Return the filters without what is None: an earlier version may have no such field."""
    return {
        name: value.isoformat() if isinstance(value, date) else value
        for name, value in asdict(filters).items()
        if value is not None
    }


def _thawed(values: dict[str, Any]) -> CallFilters:
    """Raises TypeError for a filter that this version does not know: it is not to be left out."""
    first, last = _days_of(values)
    return CallFilters(**{**values, "first_day": first, "last_day": last})


def _days_of(values: dict[str, Any]) -> Days:
    days = (values.get(name) for name in ("first_day", "last_day"))
    first, last = (date.fromisoformat(day) if day else None for day in days)
    return first, last
