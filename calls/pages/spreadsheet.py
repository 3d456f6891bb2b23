"""The file of an upload for people: an Excel workbook with headings and times they can read."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.time_zones import zone_label
from calls.pages.upload_preview import lines_of
from calls.workbook import Cell, Column, number_or_text, workbook_writer

TIME_COLUMN = "DateTime"
GOAL_COLUMN = "Target"
NUMBERS = {"Price", "TalkDuration", "HoldDuration"}
YES_OR_NO = {"StaticCall", "CallMissed", "FirstTimeCaller"}
WORDS = {"1": gettext_lazy("да"), "0": gettext_lazy("нет")}
WIDE = {"URL": 50, "CallTrackerURL": 50, "Tag": 30, TIME_COLUMN: 22}
TITLES = {
    "ClientId": gettext_lazy("ClientID посетителя"),
    "Yclid": gettext_lazy("Yclid — клик Директа"),
    "UserId": gettext_lazy("UserID посетителя"),
    "Target": gettext_lazy("Идентификатор цели"),
    "StaticCall": gettext_lazy("Непривязанный звонок"),
    "Price": gettext_lazy("Ценность"),
    "Currency": gettext_lazy("Валюта"),
    "PhoneNumber": gettext_lazy("Телефон клиента"),
    "TalkDuration": gettext_lazy("Разговор, с"),
    "HoldDuration": gettext_lazy("Ожидание, с"),
    "CallMissed": gettext_lazy("Пропущен"),
    "Tag": gettext_lazy("Теги"),
    "FirstTimeCaller": gettext_lazy("Первый звонок клиента"),
    "URL": gettext_lazy("Страница звонка"),
    "CallTrackerURL": gettext_lazy("Звонок в CallKeeper"),
}


def spreadsheet_of(pieces: Iterable[bytes], *, zone: ZoneInfo) -> bytes:
    """Return the workbook of an upload's CSV, given by pieces that end with a row each.

    Times are in ``zone``.
    """
    lines = lines_of(pieces)
    header = next(lines, [])
    file = io.BytesIO()
    columns = [_column(name, zone) for name in header]
    with workbook_writer(file, sheet=_sheet_title(header), columns=columns) as write_row:
        for line in lines:
            write_row([_cell(name, text, zone) for name, text in zip(header, line, strict=False)])
    return file.getvalue()


def _sheet_title(header: list[str]) -> str:
    """Return the title for the file's channel: only files of a goal have the goal's column."""
    return _("Достижения цели") if GOAL_COLUMN in header else _("Звонки")


def _column(name: str, zone: ZoneInfo) -> Column:
    if name == TIME_COLUMN:
        title = _("Начало звонка (время: %(zone)s)") % {"zone": zone_label(zone.key)}
    else:
        title = str(TITLES.get(name, name))
    return Column(title, WIDE.get(name, 20))


def _cell(name: str, text: str, zone: ZoneInfo) -> Cell:
    if name == TIME_COLUMN:
        return _local_time(text, zone)
    if name in NUMBERS:
        return number_or_text(text)
    if name in YES_OR_NO:
        return str(WORDS.get(text, text)) or None
    return text or None


def _local_time(text: str, zone: ZoneInfo) -> Cell:
    """Return the time of Unix seconds in the zone; Excel's times have none of their own."""
    try:
        return datetime.fromtimestamp(int(text), UTC).astimezone(zone).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return text or None
