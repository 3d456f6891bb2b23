"""Tables of text: separators, encodings, bad rows and what is no table."""

from __future__ import annotations

from pathlib import Path

import pytest

from calls.ingest.parsing.file_format import UnreadableListing
from calls.tables import csv_file
from calls.tables.opening import open_table
from calls.tables.table import BadRow, Row
from tests.paths import PAYLOADS

FILES = PAYLOADS / "reports" / "files"
TEXT = "Номер,Имя\n1,Ёж\n2,Щука\n"


def written(folder: Path, content: bytes | str, name: str = "calls.csv") -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def refusal(file: Path, **options: str) -> str:
    with pytest.raises(UnreadableListing) as refused:
        list(open_table(file, **options).rows())
    return str(refused.value)


@pytest.mark.parametrize(
    "name", ["old-export.json", "records.jsonl", "export-semicolon-cp1251.csv"]
)
def test_encoding_that_the_file_has_not_is_named(name: str) -> None:
    sentence = "Файл не читается в кодировке utf-16: выберите другую."

    assert refusal(FILES / name, encoding="utf-16") == sentence


def test_export_of_a_russian_excel_is_read() -> None:
    table = open_table(FILES / "export-semicolon-cp1251.csv")

    assert (table.kind, table.encoding, table.delimiter) == ("csv", "cp1251", ";")
    assert list(table.rows()) == [
        Row(
            2,
            {
                "universalId": "f-5",
                "clientNumber": "8 (916) 000-00-01",
                "callTime": "27.11.2026 20:15:00",
                "duration": "00:01:05",
                "status": "Успешный",
                "site": "okna-stolica.example",
                "yaClid": "1718031415926535897",
                "tags": "Целевой; новый",
            },
        )
    ]


def test_spoilt_numbers_stay_visible() -> None:
    (row,) = open_table(FILES / "export-semicolon-utf8-excel.csv").rows()

    assert row.item["clientNumber"] == "7,916E+10"
    assert row.item["yaClid"] == "1,71803E+18"


@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1251"]
)
def test_every_usual_table_gives_the_same_rows(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    file = written(tmp_path, TEXT.replace(",", delimiter).encode(encoding), "calls.txt")

    table = open_table(file)

    assert (table.header, table.delimiter) == (["Номер", "Имя"], delimiter)
    assert [row.item["Имя"] for row in table.rows()] == ["Ёж", "Щука"]
    assert list(table.rows()) == list(table.rows())


def test_separator_is_taken_from_the_line_that_names_it_or_from_the_person(tmp_path: Path) -> None:
    named = written(tmp_path, "sep=|\r\na,1|b,2\r\nx,y|z\r\n")
    chosen = written(tmp_path, "a,1|b\nx,y|z\n", "chosen.csv")

    assert list(open_table(named).rows()) == [Row(3, {"a,1": "x,y", "b,2": "z"})]
    assert list(open_table(chosen, delimiter="|").rows()) == [Row(2, {"a,1": "x,y", "b": "z"})]


def test_encoding_is_taken_from_the_person(tmp_path: Path) -> None:
    file = written(tmp_path, "Имя;b\nЁж;2\n".encode("koi8-r"))

    assert list(open_table(file, encoding="koi8-r").rows()) == [Row(2, {"Имя": "Ёж", "b": "2"})]
    assert refusal(file, encoding="utf-8") == (
        "Файл не читается в кодировке utf-8-sig: выберите другую."
    )
    assert refusal(file, encoding="rot13").startswith("Неизвестная кодировка «rot13». Есть: utf-8,")


def test_rows_have_the_numbers_of_their_lines(tmp_path: Path) -> None:
    file = written(tmp_path, '\na;b\n"1\n2";x\n\n3;y\n')

    assert [(row.number, row.item["a"]) for row in open_table(file).rows()] == [
        (3, "1\n2"),
        (6, "3"),
    ]


def test_rows_that_do_not_fit_are_bad_and_the_others_are_read(tmp_path: Path) -> None:
    file = written(tmp_path, f'a;b\n1\n1;2;3\n1;2;;\n1;"x\0"\n{"й" * 40_000};2\n"1"2;3\n4;5\n')

    rows = [(row.number, row.item) for row in open_table(file).rows()]

    assert [(number, item.code) for number, item in rows if isinstance(item, BadRow)] == [
        (2, "ragged_row"),
        (3, "ragged_row"),
        (5, "nul_character"),
        (6, "cell_too_long"),
        (7, "broken_quotes"),
    ]
    assert rows[0][1].message == "В строке 1 значений, а столбцов 2."
    assert [item for _number, item in rows if isinstance(item, dict)] == [
        {"a": "1", "b": "2"},
        {"a": "4", "b": "5"},
    ]


def test_unclosed_quote_names_the_lines_that_it_costs(tmp_path: Path) -> None:
    file = written(tmp_path, 'a;b\n1;2\n3;"4\n5;6\n7;8\n')

    last = list(open_table(file).rows())[-1]

    assert last.number == 3
    assert last.item.message == (
        "Строки с 3 по 5 не читаются: кавычка не закрыта или значение слишком длинное."
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "Файл пуст."),
        ("a;;b\n1;2;3\n", "Нет заголовка у столбцов: 2. Назовите их в первой строке."),
        ("a;b;a\n1;2;3\n", "Заголовки столбцов повторяются: «a». Назовите столбцы по-разному."),
        (";".join(map(str, range(501))), "В таблице 501 столбцов, а читается не больше 500."),
    ],
)
def test_table_without_a_usable_header_is_refused(
    tmp_path: Path, content: str, sentence: str
) -> None:
    assert refusal(written(tmp_path, content)) == sentence


def test_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_LINE", 100)
    file = written(tmp_path, "a;b\n1;2\n" + "x" * 200)

    assert refusal(file) == "Строка 3 длиннее 100 знаков: это не таблица CSV."


def test_json_is_a_table_of_its_records() -> None:
    table = open_table(FILES / "records.jsonl")

    assert (table.kind, table.count, table.header[:2]) == (
        "jsonl",
        2,
        ["universalId", "serviceType"],
    )
    assert [(row.number, row.item["universalId"]) for row in table.rows()] == [
        (1, "f-3"),
        (2, "f-4"),
    ]
    assert open_table(FILES / "payload-object.json").count == 2


def test_row_without_end_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "MAX_ROW", 100)
    endless = '"x\ny";' * 50 + '"z"\n'

    rows = list(open_table(written(tmp_path, f"a;b\n1;2\n{endless}")).rows())

    assert rows[0] == Row(2, {"a": "1", "b": "2"})
    assert all(isinstance(row.item, BadRow) for row in rows[1:])
    assert {row.item.code for row in rows[1:]} == {"broken_quotes", "ragged_row"}
    assert sum(len(cell) for row in rows[1:] for cell in row.item.cells) <= len(endless)
    assert max(sum(map(len, row.item.cells)) for row in rows[1:]) <= 100
