"""A workbook of one sheet: text stays text, numbers keep their digits, memory stays small."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from calls.workbook import Cell, Column, number_or_text, workbook_writer
from tests.workbooks import local, sheet_in

AT = local("2026-11-23 10:20:30")


def sheet_of(*rows: Sequence[Cell]) -> Any:
    file = io.BytesIO()
    columns = [Column(f"Столбец {number}") for number in range(len(rows[0]))]
    with workbook_writer(file, sheet="Лист", columns=columns) as write_row:
        for row in rows:
            write_row(row)
    return sheet_in(file)


@pytest.mark.parametrize(
    "text",
    [
        "1718031415926535897",
        "0123",
        "=1+1",
        "{=SUM(A1)}",
        "=cmd|' /C calc'!A0",
        "+79161231234",
        "-1",
        "@SUM(1)",
        "\t=1",
        "https://okna.example/?a=1",
        "mailto:a@b.example",
        "1e5",
        "TRUE",
        "строка\nвторая",
        "🔥 «5+»",
    ],
)
def test_text_stays_text(text: str) -> None:
    cell = sheet_of([text])["A2"]

    assert (cell.value, cell.data_type, cell.number_format) == (text, "s", "@")
    assert cell.hyperlink is None


def test_numbers_and_times_have_their_types() -> None:
    row = sheet_of([152, Decimal("10.50"), AT, None])[2]

    assert [cell.value for cell in row] == [152, 10.5, AT, None]
    assert row[2].number_format == "dd.mm.yyyy hh:mm:ss"


def test_text_longer_than_a_cell_is_cut_not_lost() -> None:
    value = sheet_of(["я" * 40_000])["A2"].value

    assert value == "я" * 32_766 + "…"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("152", 152),
        ("10.50", Decimal("10.50")),
        ("", None),
        ("999999999999999", 999_999_999_999_999),
        ("1718031415926535897", "1718031415926535897"),
        ("1e5", "1e5"),
        ("-1", "-1"),
        ("٣", "٣"),
    ],
)
def test_number_that_excel_would_not_keep_is_text(text: str, value: Cell) -> None:
    assert number_or_text(text) == value


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        with open("/dev/null", "wb") as file:
            write(file, rows)
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    def write(file: Any, rows: int) -> None:
        with workbook_writer(file, sheet="Лист", columns=[Column("Столбец")] * 5) as write_row:
            for number in range(rows):
                write_row([f"{number} " + "x" * 100] * 5)

    assert peak(4000) < peak(400) + 1_000_000
