"""A file of calls in a cabinet with one counter, at a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
HEADER = "Дата и время;Номер клиента;Длительность;Сайт;ClientID Метрики;ID звонка"


@pytest.fixture(autouse=True)
def still_clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


def line(number: int, *, days: int = 1, phone: str = "") -> str:
    """Return a row of the table: a call of ``days`` ago."""
    start = (NOW - timedelta(days=days, minutes=number % 600)).strftime("%d.%m.%Y %H:%M:%S")
    client = 1_718_031_415_926_530_000 + 10 * number
    caller = phone or f"7916{number:07d}"
    return f"{start};{caller};65;okna-stolica.example;{client};{number}"


def table(*lines: str) -> bytes:
    return "\r\n".join([HEADER, *lines, ""]).encode("cp1251")
