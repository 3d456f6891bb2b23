"""Stages the rows of our uploads as they were sent, for the days whose logs are compared.

The values are those of the frozen bytes: a call may have changed since.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from calls.delivery import file_store
from calls.models import LogRequest, LogSentRow, Upload
from calls.models.reports import zone_of
from calls.runtime.copying import copy_rows
from calls.states import Channel, IdKind
from counters.models import Goal

_COLUMNS = (
    *("request_id", "upload_id", "row_number", "moment"),
    *("client_id", "goal_id", "talk", "hold"),
)
_MOMENT = "%Y-%m-%d %H:%M:%S"
NO_SHIFT = timedelta()


def stage(request: LogRequest, *, shift: timedelta = NO_SHIFT) -> int:
    """Store the rows of the days; return how many. Runs in the transaction that compares them.

    ``shift`` is by how much the times of the logs are later than those of the counter's zone.
    """
    LogSentRow.objects.filter(request=request).delete()
    goals = goals_of(request.counter_id)
    stored = 0
    for upload in uploads_of(request, shift=shift).iterator():
        for rows in _pieces(upload, request, goals, shift):
            copy_rows("calls_logsentrow", _COLUMNS, rows)
            stored += len(rows)
    return stored


def uploads_of(request: LogRequest, *, shift: timedelta = NO_SHIFT) -> Any:
    """Return the uploads that have calls of these days. Of those taken over no bytes are known."""
    zone = ZoneInfo(zone_of(request.counter))
    first = _midnight(request.date1, zone) - shift
    end = _midnight(request.date2 + timedelta(days=1), zone) - shift
    uploads = Upload.objects.with_metrika().filter(taken_over_at=None, counter=request.counter)
    return uploads.filter(oldest_call_at__lt=end, newest_call_at__gte=first).order_by("pk")


def goals_of(counter_id: int) -> dict[str, int]:
    """Return Metrika's number of each goal by its identifier."""
    goals = Goal.objects.filter(counter_id=counter_id).exclude(identifier="").order_by("-goal_id")
    return dict(goals.values_list("identifier", "goal_id"))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)


def _pieces(
    upload: Upload, request: LogRequest, goals: dict[str, int], shift: timedelta
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows of these days, a piece of the file at a time."""
    zone, header = ZoneInfo(zone_of(request.counter)), list[str]()
    days = request.date1.isoformat(), request.date2.isoformat()
    for first_row, body in file_store.pieces(upload.pk):
        cells = csv.reader(io.StringIO(body.decode(), newline=""))
        if first_row == 1:
            header = next(cells)
        rows = (dict(zip(header, row, strict=True)) for row in cells)
        yield [
            (request.pk, upload.pk, number, moment, *_values(upload, row, goals))
            for number, row in enumerate(rows, first_row)
            if days[0] <= (moment := _local(row["DateTime"], zone, shift))[:10] <= days[1]
        ]


def _local(seconds: str, zone: ZoneInfo, shift: timedelta) -> str:
    """Return the moment as Metrika writes it: in the counter's zone, which is told nowhere."""
    local = datetime.fromtimestamp(int(seconds), UTC).astimezone(zone).replace(tzinfo=None)
    return (local + shift).strftime(_MOMENT)


def _values(upload: Upload, row: dict[str, str], goals: dict[str, int]) -> tuple[Any, ...]:
    """Return ClientID, goal and durations, each only where the logs have it."""
    has_client = upload.id_kind == IdKind.CLIENT_ID and not upload.is_static
    client = row["ClientId"].lstrip("0") if has_client else ""
    if upload.channel == Channel.GOAL:
        return client, goals.get(row["Target"]), None, None
    return client, None, row["TalkDuration"] or None, row["HoldDuration"] or None
