"""«Скачать для Excel»: the workbook as a person opens it, cell by cell."""

from __future__ import annotations

import io
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from calls.delivery.csv_writer import columns_of
from calls.pages.spreadsheet import TITLES, spreadsheet_of
from calls.states import Channel, IdKind
from tests.workbooks import local, sheet_in

MOSCOW = ZoneInfo("Europe/Moscow")
HEADER = (
    "ClientId,DateTime,StaticCall,Price,Currency,PhoneNumber,TalkDuration,HoldDuration,CallMissed,"
    "Tag,FirstTimeCaller,URL,CallTrackerURL"
)
ROW = (
    "1718031415926535897,1795418430,0,10.50,RUB,+79161231234,152,,1,=1+1,1,"
    "https://okna.example/?a=1,http://127.0.0.1:8000/lk/integrations/calls/7"
)


def sheet_of(*lines: str, zone: ZoneInfo = MOSCOW) -> Any:
    return sheet_in(io.BytesIO(spreadsheet_of(["\n".join(lines).encode()], zone=zone)))


def test_headings_are_russian_and_name_the_zone() -> None:
    sheet = sheet_of(HEADER, ROW)

    assert [cell.value for cell in sheet[1]] == [
        "ClientID посетителя",
        "Начало звонка (время: Москва, Санкт-Петербург)",
        "Непривязанный звонок",
        "Ценность",
        "Валюта",
        "Телефон клиента",
        "Разговор, с",
        "Ожидание, с",
        "Пропущен",
        "Теги",
        "Первый звонок клиента",
        "Страница звонка",
        "Звонок в CallKeeper",
    ]
    assert sheet.title == "Звонки"
    assert sheet.freeze_panes == "A2"


def test_every_cell_is_readable_and_whole() -> None:
    row = sheet_of(HEADER, ROW)[2]

    assert [cell.value for cell in row] == [
        "1718031415926535897",
        local("2026-11-23 10:20:30"),
        "нет",
        10.5,
        "RUB",
        "+79161231234",
        152,
        None,
        "да",
        "=1+1",
        "да",
        "https://okna.example/?a=1",
        "http://127.0.0.1:8000/lk/integrations/calls/7",
    ]
    assert [cell.data_type for cell in row if cell.value in ("=1+1", "1718031415926535897")] == [
        "s",
        "s",
    ]


@pytest.mark.parametrize(
    ("zone", "title", "at"),
    [
        ("Asia/Vladivostok", "Владивосток, Хабаровск", "2026-11-23 17:20:30"),
        ("UTC", "Всемирное время", "2026-11-23 07:20:30"),
        ("Europe/Berlin", "Europe/Berlin", "2026-11-23 08:20:30"),
    ],
)
def test_times_are_in_the_zone_of_the_cabinet(zone: str, title: str, at: str) -> None:
    sheet = sheet_of("ClientId,DateTime", "1,1795418430", zone=ZoneInfo(zone))

    assert sheet["B1"].value == f"Начало звонка (время: {title})"
    assert sheet["B2"].value == local(at)


@pytest.mark.parametrize("text", ["вчера", "9" * 30])
def test_time_that_is_none_stays_text(text: str) -> None:
    assert sheet_of("ClientId,DateTime", f"1,{text}")["B2"].value == text


def test_sheet_of_a_goal_file_is_named_after_the_goal() -> None:
    sheet = sheet_of("ClientId,Target,DateTime", "1,call_order,1795418430")

    assert sheet.title == "Достижения цели"


@pytest.mark.parametrize("channel", list(Channel))
@pytest.mark.parametrize("id_kind", list(IdKind))
def test_every_column_of_an_upload_has_a_heading(channel: Channel, id_kind: IdKind) -> None:
    names = {name for name, _sql in columns_of(channel, id_kind, is_static=False)}

    assert names - set(TITLES) == {"DateTime"}
