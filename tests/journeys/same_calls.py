"""The same calls in each of the forms in which the ways into the product take them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import openpyxl

from tests.journeys.oracle import MOSCOW

Record = dict[str, Any]
#: Our field → the heading of its column in a table of a Russian office.
COLUMNS: Mapping[str, str] = {
    "universalId": "ID звонка",
    "callTime": "Дата и время",
    "clientNumber": "Номер клиента",
    "managerNumber": "Номер менеджера",
    "duration": "Длительность",
    "status": "Статус",
    "statusFirst": "Код 1",
    "statusSecond": "Код 2",
    "serviceType": "Сервис",
    "callType": "Тип звонка",
    "site": "Сайт",
    "callPage": "Страница звонка",
    "yaClid": "ClientID",
    "unique": "Уникальный",
    "tags": "Теги",
    "ctCampaignId": "ID кампании",
    "ctCampaignName": "Кампания",
}


def same_calls(count: int, *, since: datetime) -> list[Record]:
    """Return finished calls of the next seconds, with times in Moscow without an offset."""
    return [_call(number, since) for number in range(1, count + 1)]


def _call(number: int, since: datetime) -> Record:
    start = since.astimezone(MOSCOW) + timedelta(seconds=1 + number % 4)
    return {
        "universalId": f"9610{number:08d}",
        "serviceType": "calltracking",
        "callType": "Динамический коллтрекинг",
        "clientNumber": f"7916{number:07d}",
        "managerNumber": "74950000000",
        "statusFirst": 200,
        "statusSecond": 200,
        "status": "success",
        "callTime": f"{start:%Y-%m-%d %H:%M:%S}",
        "duration": 1 + number % 3,
        "site": "okna-stolica.example",
        "unique": number % 2 == 0,
        "yaClid": f"17180314159{number:06d}1",
        "callPage": f"https://okna-stolica.example/balkon?n={number}",
        "ctCampaignId": 1000,
        "ctCampaignName": "Распродажа: «тёплые» окна",
        "tags": ["Целевой", "Балкон"][: number % 3],
    }


def as_texts(record: Record) -> dict[str, str]:
    """Return the values as a form, a query or a cell has them."""
    return {name: _text(value) for name, value in record.items()}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return ", ".join(value) if isinstance(value, list) else str(value)


def as_json(records: Sequence[Record]) -> bytes:
    return json.dumps(records, ensure_ascii=False).encode()


def as_csv(records: Sequence[Record]) -> bytes:
    """Return a table as a Russian Excel saves it."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";").writerows(_rows(records))
    return text.getvalue().encode("cp1251")


def as_xlsx(records: Sequence[Record]) -> bytes:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Звонки")
    for row in _rows(records):
        sheet.append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _rows(records: Sequence[Record]) -> Iterator[list[str]]:
    yield list(COLUMNS.values())
    for record in records:
        texts = as_texts(record)
        yield [texts[name] for name in COLUMNS]
