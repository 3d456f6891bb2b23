"""Workbooks: values as people see them, memory, and files made to harm."""

from __future__ import annotations

import datetime as dt
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from calls.ingest.parsing.file_format import UnreadableListing
from calls.tables.opening import open_table
from calls.tables.table import BadRow, Row
from calls.tables.xlsx import package
from calls.tables.xlsx.numbers import Format, format_of, text_of

BROKEN = "Файл Excel (XLSX) повреждён: сохраните его заново или пришлите CSV."
BOMB = "Файл Excel распаковывается в слишком большой объём: он не читается."
AT = dt.datetime.fromisoformat("2026-11-27 20:15:00")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "calls.xlsx"


def write(file: Path, rows: Iterable[Iterable[Any]], **options: Any) -> None:
    """Write the rows with an independent library."""
    with xlsxwriter.Workbook(file, {"strings_to_formulas": False, **options}) as workbook:
        time = workbook.add_format({"num_format": "dd.mm.yyyy hh:mm:ss"})
        sheet = workbook.add_worksheet("Звонки")
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if isinstance(cell, dt.datetime):
                    sheet.write_datetime(row, column, cell, time)
                else:
                    sheet.write(row, column, cell)


def items(file: Path, **options: str) -> list[Any]:
    return [row.item for row in open_table(file, **options).rows()]


def refusal(file: Path, **options: str) -> str:
    with pytest.raises(UnreadableListing) as refused:
        items(file, **options)
    return str(refused.value)


def change(file: Path, name: str, old: str, new: str) -> None:
    """Replace a text in one part of the workbook."""
    with zipfile.ZipFile(file) as archive:
        parts = {one: archive.read(one) for one in archive.namelist()}
    assert old.encode() in parts[name]
    parts[name] = parts[name].replace(old.encode(), new.encode())
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for one, content in parts.items():
            archive.writestr(one, content)


@pytest.mark.parametrize("is_inline", [False, True])
@pytest.mark.parametrize("is_1904", [False, True])
def test_values_are_texts_as_people_see_them(file: Path, is_inline: bool, is_1904: bool) -> None:
    header = ["id", "phone", "time", "duration", "is_target", "note"]
    rows: list[list[Any]] = [
        ["=1+1", 79160000001, AT, 65, True, "строка\nдве"],
        ["x_x000D_y", "8 (916)", AT.replace(hour=0, minute=0), 0.1, False, None],
        [1718031415926535897, None, None, 1e15, None, None],
    ]
    write(file, [header, *rows], constant_memory=is_inline, default_date_1904=is_1904)

    table = open_table(file)

    assert (table.kind, table.sheets, table.sheet) == ("xlsx", ["Звонки"], "Звонки")
    assert [list(row.item.values()) for row in table.rows()] == [
        ["=1+1", "79160000001", "2026-11-27 20:15:00", "65", "true", "строка\nдве"],
        ["x_x000D_y", "8 (916)", "2026-11-27 00:00:00", "0.1", "false", ""],
        ["1.718031415926536E+18", "", "", "1E+15", "", ""],
    ]
    assert [row.number for row in table.rows()] == [2, 3, 4]


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("dd.mm.yyyy", Format.DATE),
        ("dd.mm.yyyy hh:mm", Format.MOMENT),
        ('yyyy"г."', Format.DATE),
        ("[$-419]d mmm;@", Format.DATE),
        ("hh:mm", Format.TIME),
        ("[h]:mm:ss", Format.ELAPSED),
        ("General", Format.NUMBER),
        ('0.00" days"', Format.NUMBER),
        ("# ##0[Red]", Format.NUMBER),
        ("\\d0", Format.NUMBER),
    ],
)
def test_format_is_told_from_its_code(code: str, shown: Format) -> None:
    assert format_of(164, code) is shown


@pytest.mark.parametrize(
    ("written", "shown", "text"),
    [
        ("0", Format.TIME, "00:00:00"),
        ("7.5231481481481477E-4", Format.TIME, "00:01:05"),
        ("1.5", Format.ELAPSED, "36:00:00"),
        ("1", Format.DATE, "1900-01-01"),
        ("61", Format.DATE, "1900-03-01"),
        ("46353", Format.DATE, "2026-11-27"),
        ("46353.99999999999", Format.MOMENT, "2026-11-28 00:00:00"),
        ("-1", Format.DATE, "-1"),
        ("7.9160000001E10", Format.NUMBER, "79160000001"),
        ("999999999999999", Format.NUMBER, "999999999999999"),
        ("1718031415926535897", Format.NUMBER, "1.718031415926535897E+18"),
        ("65.099999999999994", Format.NUMBER, "65.1"),
        ("NaN", Format.NUMBER, "NaN"),
    ],
)
def test_number_is_written_as_it_is_shown(written: str, shown: Format, text: str) -> None:
    assert text_of(written, shown, is_1904=False) == text


def test_sheet_is_chosen_by_its_name_and_hidden_ones_come_last(file: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].title, book.worksheets[0].sheet_state = "Скрытый", "hidden"
    book.create_sheet("Звонки").append(["a"])
    book.create_sheet("Пустой")
    book["Звонки"].append([1])
    book["Скрытый"].append(["b"])
    book.active = 1
    book.save(file)

    assert open_table(file).sheets == ["Звонки", "Пустой", "Скрытый"]
    assert items(file) == [{"a": "1"}]
    assert open_table(file, sheet="Скрытый").header == ["b"]
    assert refusal(file, sheet="Пустой") == "Лист «Пустой» пуст."
    assert refusal(file, sheet="x") == "Нет листа «x». Есть: «Звонки», «Пустой», «Скрытый»."


def test_formula_counts_by_its_saved_value_and_is_refused_without(file: Path) -> None:
    with xlsxwriter.Workbook(file) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ["a", "b"])
        sheet.write_formula(1, 0, "=1+1", None, 3)
        sheet.write_formula(2, 1, '=WEBSERVICE("http://x.example")', None, "x")
    change(file, "xl/worksheets/sheet1.xml", "<v>x</v>", "")

    saved, uncounted = items(file)

    assert saved == {"a": "3", "b": ""}
    assert isinstance(uncounted, BadRow)
    assert (uncounted.code, uncounted.message) == (
        "formula_without_value",
        "Формула в ячейке B3 не посчитана: откройте файл в Excel и сохраните его.",
    )


def test_row_that_does_not_fit_is_bad(file: Path) -> None:
    write(file, [["a", "b"], [1], [1, 2, 3], [], [4, 5], [*[None] * 600, 1]])

    rows = list(open_table(file).rows())

    assert rows[0] == Row(2, {"a": "1", "b": ""})
    assert rows[2] == Row(5, {"a": "4", "b": "5"})
    assert [(row.number, row.item.code) for row in (rows[1], rows[3])] == [
        (3, "ragged_row"),
        (6, "ragged_row"),
    ]


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (
            "xl/worksheets/sheet1.xml",
            "<worksheet",
            '<!DOCTYPE x [<!ENTITY e "eeee">]><worksheet',
        ),
        ("xl/workbook.xml", "<workbook", '<!DOCTYPE x SYSTEM "file:///etc/passwd"><workbook'),
        ("xl/worksheets/sheet1.xml", "</row>", ""),
        ("xl/worksheets/sheet1.xml", "<v>0</v>", "<v>99</v>"),
        ("xl/worksheets/sheet1.xml", '<row r="2"', '<row r="1"'),
        ("xl/worksheets/sheet1.xml", 'r="A2"', 'r="AAAA2"'),
    ],
)
def test_broken_workbook_is_refused(file: Path, part: str, old: str, new: str) -> None:
    write(file, [["a"], ["x"]])
    change(file, part, old, new)

    assert refusal(file) == BROKEN


def test_cut_workbook_and_other_archives_are_refused(file: Path, tmp_path: Path) -> None:
    write(file, [["a"], ["x"]])
    file.write_bytes(file.read_bytes()[:-100])
    other = tmp_path / "calls.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("calls.json", "[]")

    assert refusal(file) == BROKEN
    assert refusal(other) == (
        "Это архив ZIP, а не файл Excel: распакуйте его и выберите файл из него."
    )


def test_bomb_is_refused_by_what_it_unpacks_to(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(file, [["a"], ["x"]])
    change(file, "xl/worksheets/sheet1.xml", "<sheetData>", "<sheetData>" + " " * (20 << 20))
    assert refusal(file) == BOMB

    write(file, [["a"], ["x"]])
    monkeypatch.setattr(package, "MAX_UNPACKED", 1000)
    assert refusal(file) == BOMB


def test_tag_without_end_is_not_kept_in_memory(file: Path) -> None:
    write(file, [["a"], ["x"]])
    change(file, "xl/worksheets/sheet1.xml", "<sheetData>", f"<!--{'x' * (2 << 20)}--><sheetData>")

    assert refusal(file) == BROKEN


def test_memory_does_not_grow_with_the_rows(file: Path, tmp_path: Path) -> None:
    def peak(rows: int) -> int:
        target = tmp_path / f"{rows}.xlsx"
        write(target, [["a", "b"], *([f"text {one}", one] for one in range(rows))])
        table = open_table(target)
        tracemalloc.start()
        assert sum(1 for _row in table.rows()) == rows
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    # The twelve thousand more would take millions of bytes.
    assert peak(24_000) < peak(12_000) + 500_000
