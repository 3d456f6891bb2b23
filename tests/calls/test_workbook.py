"""A workbook of one sheet: text stays text, numbers keep their digits, memory stays small."""

from __future__ import annotations

import io
import tracemalloc
from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from calls.workbook import Cell, Column, number_or_text, workbook_writer
from calls.workbook_stream import workbook_pieces
from tests.workbooks import local, sheet_in, values_in

AT = local("2026-11-23 10:20:30")


def sheet_of(*rows: Sequence[Cell]) -> Any:
    file = io.BytesIO()
    columns = [Column(f"Столбец {number}") for number in range(len(rows[0]))]
    with workbook_writer(file, sheet="Лист", columns=columns) as write_row:
        for row in rows:
            write_row(row)
    return sheet_in(file)


TEXTS = [
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
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_stays_text(text: str) -> None:
    cell = sheet_of([text])["A2"]

    assert (cell.value, cell.data_type, cell.number_format) == (text, "s", "@")
    assert cell.hyperlink is None


def test_stream_is_the_same_workbook() -> None:
    rows: list[Sequence[Cell]] = [[text, 152, Decimal("10.50"), AT] for text in TEXTS]
    rows += [["a<b>&c \x01 _x0041_ ", None, 0, AT], ["я" * 40_000, -1, "", None]]
    columns = [Column(f"Столбец {number}") for number in range(4)]

    streamed = sheet_in(io.BytesIO(b"".join(workbook_pieces(rows, sheet="Лист", columns=columns))))

    written = sheet_of(*rows)
    assert values_in(streamed) == values_in(written)
    assert streamed.title == written.title
    formats = [[(cell.data_type, cell.number_format) for cell in row] for row in streamed]
    assert formats == [[(cell.data_type, cell.number_format) for cell in row] for row in written]
    assert streamed.freeze_panes == written.freeze_panes


def test_stream_begins_before_the_rows_are_read() -> None:
    read: list[int] = []

    def rows() -> Iterator[Sequence[Cell]]:
        for place in range(3):
            read.append(place)
            yield [place]

    pieces = workbook_pieces(rows(), sheet="Лист", columns=[Column("Столбец")])

    assert next(pieces).startswith(b"PK")
    assert read == []
    assert len(b"".join(pieces)) > 0
    assert read == [0, 1, 2]


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


@pytest.mark.parametrize("is_streamed", [False, True])
def test_memory_does_not_grow_with_the_rows(is_streamed: bool) -> None:
    columns = [Column("Столбец")] * 5

    def rows(count: int) -> Iterator[Sequence[Cell]]:
        return ([f"{number} " + "x" * 100] * 5 for number in range(count))

    def peak(count: int) -> int:
        tracemalloc.start()
        if is_streamed:
            deque(workbook_pieces(rows(count), sheet="Лист", columns=columns), maxlen=0)
        else:
            write(rows(count))
        _now, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    def write(lines: Iterator[Sequence[Cell]]) -> None:
        with (
            open("/dev/null", "wb") as file,
            workbook_writer(file, sheet="Лист", columns=columns) as write_row,
        ):
            for line in lines:
                write_row(line)

    assert peak(4000) < peak(400) + 1_000_000
