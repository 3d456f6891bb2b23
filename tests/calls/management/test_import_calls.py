"""`manage.py import_calls`: a file of the v3 API is stored as by the signed endpoint."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from cabinets.models import CallSource
from calls.management.commands import import_calls
from calls.models import Call, Delivery, RejectedRecord
from counters.models import Counter
from tests import factories
from tests.paths import PAYLOADS
from tests.workbooks import sheet_in, values_in

pytestmark = pytest.mark.django_db
PUBLISHED = PAYLOADS / "callkeeper"
ENCODING_UNKNOWN = "Кодировка файла не UTF-8, не UTF-16 и не windows-1251: сохраните его в UTF-8."
COLUMNS_UNKNOWN = (
    "По заголовкам не понять, в каких столбцах время звонка и телефон: задайте соответствие полей."
)


def run(file: Path, source: CallSource, **options: Any) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr."""
    out, err = StringIO(), StringIO()
    try:
        call_command(
            "import_calls", str(file), source=source.public_id, stdout=out, stderr=err, **options
        )
    except SystemExit as stopped:
        return int(str(stopped.code)), out.getvalue(), err.getvalue()
    except CommandError as refused:
        return refused.returncode, out.getvalue(), str(refused)
    return 0, out.getvalue(), err.getvalue()


def write_file(folder: Path, content: Any) -> Path:
    file = folder / "calls.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def test_published_sample_is_imported_and_decided(source: CallSource, counter: Counter) -> None:
    code, out, err = run(PUBLISHED / "v3-calls.json", source)

    assert (code, err) == (0, "")
    assert out == "Создано 1, изменено 0, уже были 0, отклонено 0\n"
    assert Call.objects.get().external_id == "23423423434434234"
    assert Delivery.objects.filter(counter=counter).count() == 1


def test_answer_without_rows_says_so(source: CallSource) -> None:
    assert run(PUBLISHED / "v3-no-rows.json", source) == (0, "Звонков нет\n", "")
    assert Call.objects.count() == 0


@pytest.mark.parametrize("name", ["payload", "calls"])
def test_list_inside_an_answer_is_imported(source: CallSource, tmp_path: Path, name: str) -> None:
    file = write_file(tmp_path, {name: [factories.v3_record(), factories.v3_record()]})

    code, _out, _err = run(file, source)

    assert code == 0
    assert Call.objects.count() == 2


def test_every_record_is_reported(source: CallSource, tmp_path: Path) -> None:
    known = factories.v3_record()
    run(write_file(tmp_path, [known]), source)
    good = factories.v3_record(universalId="=1+1")
    file = write_file(tmp_path, [good, known, known | {"tags": []}, {"universalId": "-7"}])
    report = tmp_path / "report.csv"

    code, out, err = run(file, source, report=report)

    new, old = Call.objects.get(external_id="=1+1"), Call.objects.exclude(external_id="=1+1").get()
    assert code == 1
    assert out == "Создано 1, изменено 1, уже были 1, отклонено 1\n"
    assert err == "3: missing_field callTime — Нет времени начала звонка.\n"
    with report.open(encoding="utf-8-sig", newline="") as lines:
        assert list(csv.reader(lines)) == [
            ["index", "universalId", "status", "call_id", "code", "field", "message"],
            ["0", "'=1+1", "created", str(new.pk), "", "", ""],
            ["1", known["universalId"], "duplicate", str(old.pk), "", "", ""],
            ["2", known["universalId"], "updated", str(old.pk), "", "", ""],
            ["3", "'-7", "rejected", "", "missing_field", "callTime", "Нет времени начала звонка."],
        ]


def test_report_for_people_is_a_workbook_of_texts(source: CallSource, tmp_path: Path) -> None:
    good = factories.v3_record(universalId="=1+1")
    long = factories.v3_record(universalId="1718031415926535897")
    file = write_file(tmp_path, [good, long, {"universalId": "-7"}])
    report = tmp_path / "report.XLSX"

    code, _out, _err = run(file, source, report=report)

    numbers = dict(Call.objects.values_list("external_id", "pk"))
    sheet = sheet_in(report)
    assert code == 1
    assert values_in(sheet) == [
        [
            "Номер записи",
            "universalId",
            "Итог",
            "Звонок",
            "Код причины",
            "Поле",
            "Причина",
        ],
        ["0", "=1+1", "created", str(numbers["=1+1"]), None, None, None],
        [
            "1",
            "1718031415926535897",
            "created",
            str(numbers["1718031415926535897"]),
            None,
            None,
            None,
        ],
        ["2", "-7", "rejected", None, "missing_field", "callTime", "Нет времени начала звонка."],
    ]
    assert {cell.data_type for row in sheet for cell in row if cell.value} == {"s"}


def test_report_for_people_that_is_too_long_is_refused(
    source: CallSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_calls, "MAX_ROWS", 1)
    file = write_file(tmp_path, [factories.v3_record(), factories.v3_record()])

    code, _out, err = run(file, source, report=tmp_path / "report.xlsx")

    assert (code, err) == (
        2,
        "В файл .xlsx помещается не больше 1 строк, а записей 2: назовите .csv.",
    )
    assert Call.objects.count() == 0
    assert not (tmp_path / "report.xlsx").exists()


def test_file_longer_than_a_chunk_is_numbered_through(source: CallSource, tmp_path: Path) -> None:
    items: list[Any] = [factories.v3_record() for _number in range(1001)]
    file = write_file(tmp_path, [*items, {}])

    code, out, err = run(file, source)

    assert code == 1
    assert out == "Создано 1001, изменено 0, уже были 0, отклонено 1\n"
    assert err.startswith("1001: missing_field")


@pytest.mark.contract("A8")
def test_import_that_is_run_again_gives_the_same_set(source: CallSource, tmp_path: Path) -> None:
    items = [factories.v3_record() for _number in range(30)]
    run(write_file(tmp_path, items[:20]), source)

    code, out, _err = run(write_file(tmp_path, items), source)

    assert (code, out) == (0, "Создано 10, изменено 0, уже были 20, отклонено 0\n")
    assert set(Call.objects.values_list("revision", flat=True)) == {1}
    assert Call.objects.count() == 30


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not json", "Файл не читается: это не JSON."),
        (b"", "Файл пуст."),
        (b"\xef\xbb\xbf \r\n", "Файл пуст."),
        ('"звонки"'.encode("cp1251"), "В файле нет списка звонков."),
        ('"звонки"'.encode("koi8-r"), ENCODING_UNKNOWN),
        (b'["\x80\x81\x82"]', ENCODING_UNKNOWN),
        (
            b"PK\x03\x04 workbook",
            "Файл Excel (XLSX) повреждён: сохраните его заново или пришлите CSV.",
        ),
        (
            b"\xd0\xcf\x11\xe0 workbook",
            "Это файл Excel старого вида (XLS) или закрытый паролем: сохраните его как XLSX.",
        ),
        (b"\x1f\x8b\x08 archive", "Это архив GZIP: распакуйте его."),
        (b"one;two;three\nf-6;7;x\n", COLUMNS_UNKNOWN),
        (b'"text"', "В файле нет списка звонков."),
        (b'{"a": 1}', "В файле нет списка звонков: нужен список, payload или calls."),
        (
            b'{"inbound": {"error": "Wrong key"}, "payload": []}',
            "CallKeeper ответил ошибкой: Wrong key",
        ),
    ],
)
def test_unreadable_file_is_refused(
    source: CallSource, tmp_path: Path, content: bytes, sentence: str
) -> None:
    file = tmp_path / "calls.json"
    file.write_bytes(content)

    assert run(file, source) == (2, "", sentence)
    assert Call.objects.count() == 0


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1251"]
)
def test_every_usual_encoding_gives_the_same_calls(
    source: CallSource, tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "calls.json"
    items = [factories.v3_record(tags=["Целевой", "Ёлка №1"], universalId="u-1")]
    file.write_bytes(json.dumps(items, ensure_ascii=False).encode(encoding))

    code, _out, err = run(file, source)

    assert (code, err) == (0, "")
    assert Call.objects.get().tags == ["Целевой", "Ёлка №1"]


def test_broken_line_of_json_lines_is_rejected_and_the_others_are_imported(
    source: CallSource, tmp_path: Path
) -> None:
    file = tmp_path / "calls.jsonl"
    good = [json.dumps(factories.v3_record()) for _number in range(2)]
    lines = [good[0], '{"universalId": "u-2"', "", "oops", good[1], "{} {}"]
    file.write_text("\n".join(lines), encoding="utf-8")

    code, said, errors = run(file, source)

    assert (code, said) == (1, "Создано 2, изменено 0, уже были 0, отклонено 3\n")
    assert [line.split(" ")[:2] for line in errors.splitlines()] == [
        ["1:", "malformed_json"],
        ["2:", "malformed_json"],
        ["4:", "malformed_json"],
    ]
    kept = RejectedRecord.objects.values_list("way", "code")
    assert list(kept) == [("command", "malformed_json")] * 3
    assert Call.objects.count() == 2


def test_missing_file_and_unknown_source_are_refused_in_russian(
    source: CallSource, tmp_path: Path
) -> None:
    file = write_file(tmp_path, [factories.v3_record()])

    absent, report = tmp_path / "absent.json", tmp_path / "absent" / "report.csv"
    no_such = "такого файла или папки нет."
    assert run(absent, source) == (2, "", f"Файл {absent} не открывается: {no_such}")
    assert run(tmp_path, source) == (2, "", f"Файл {tmp_path} не открывается: это папка.")
    assert run(file, CallSource(public_id="src_none"))[::2] == (2, "Нет источника src_none.")
    assert run(file, source, report=report) == (2, "", f"Отчёт {report} не записать: {no_such}")
    assert Call.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_lost_database_is_reported(
    source: CallSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write_file(tmp_path, [factories.v3_record()])
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        away.setitem(connection.settings_dict, "PORT", "1")
        code, _out, err = run(file, source)
    connection.close()

    assert (code, err) == (3, "База данных недоступна. Обработано 0: запустите ещё раз.")
    assert Call.objects.count() == 0
