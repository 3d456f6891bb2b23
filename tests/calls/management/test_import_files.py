"""`manage.py import_calls`: files of public reports, and tables."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import time_machine

from cabinets.models import CallSource
from calls.models import Call
from calls.workbook import Column, workbook_writer
from tests.calls.management.test_import_calls import run, write_file
from tests.paths import PAYLOADS

pytestmark = pytest.mark.django_db
FILES = PAYLOADS / "reports" / "files"


@time_machine.travel("2026-11-28T12:00:00Z", tick=False)
@pytest.mark.parametrize(
    ("name", "tags_by_id"),
    [
        ("records-cp1251.json", {"f-1": ["Целевой"]}),
        ("records-utf16.json", {"f-1": ["Целевой"]}),
        ("records.jsonl", {"f-3": ["Целевой"], "f-4": ["Целевой"]}),
        ("payload-object.json", {"f-1": ["Целевой"], "f-2": ["Целевой"]}),
        ("old-export.json", {"call-1337486": []}),
        ("export-semicolon-cp1251.csv", {"f-5": ["Целевой", "новый"]}),
    ],
)
def test_file_of_a_public_report_is_read(
    source: CallSource, name: str, tags_by_id: dict[str, list[str]]
) -> None:
    count = len(tags_by_id)

    code, out, err = run(FILES / name, source)

    assert (code, err) == (0, "")
    assert out == f"Создано {count}, изменено 0, уже были 0, отклонено 0\n"
    calls = Call.objects.all()
    assert {call.external_id: call.tags for call in calls} == tags_by_id
    assert {call.phone for call in calls} == {"+79160000001"}
    assert {call.duration_seconds for call in calls} == {65}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty.json", "Файл пуст."),
        ("api-wrong-page.json", "CallKeeper ответил ошибкой: Incorrect page is set"),
        ("api-wrong-key.json", "CallKeeper ответил ошибкой: User is not recognized"),
    ],
)
def test_file_of_a_public_report_is_refused_by_its_name(
    source: CallSource, name: str, sentence: str
) -> None:
    assert run(FILES / name, source) == (2, "", sentence)
    assert Call.objects.count() == 0


@time_machine.travel("2026-11-28T12:00:00Z", tick=False)
def test_russian_table_is_a_call_as_people_read_it(source: CallSource) -> None:
    run(FILES / "export-semicolon-cp1251.csv", source)

    call = Call.objects.get()
    assert call.started_at.isoformat() == "2026-11-27T17:15:00+00:00"
    assert (call.status, call.client_id) == ("success", "1718031415926535897")


@time_machine.travel("2026-11-28T12:00:00Z", tick=False)
@pytest.mark.parametrize("name", ["callback-webhook.json", "calltracking-webhook.json"])
def test_saved_webhook_is_one_call(source: CallSource, name: str) -> None:
    assert run(FILES / name, source) == (
        0,
        "Создано 1, изменено 0, уже были 0, отклонено 0\n",
        "",
    )

    call = Call.objects.get()
    assert (call.phone, call.started_at.isoformat()) == (
        "+79160000001",
        "2026-11-27T17:14:54+00:00",
    )


def test_numbers_that_excel_has_spoilt_are_refused_by_name(source: CallSource) -> None:
    code, out, err = run(FILES / "export-semicolon-utf8-excel.csv", source)

    assert (code, out) == (1, "Создано 0, изменено 0, уже были 0, отклонено 1\n")
    assert err.startswith("2: spoilt_number clientNumber — Таблица испортила число")
    assert "7,916E+10" in err
    assert "1,71803E+18" in err
    assert Call.objects.count() == 0


def test_table_is_read_by_a_mapping_and_names_its_rows(source: CallSource, tmp_path: Path) -> None:
    file, mapping = tmp_path / "calls.csv", tmp_path / "mapping.json"
    file.write_text("x|y|z\nu-1|79160000001|2026-11-27 20:15\nu-2|7\n", encoding="utf-16")
    fields = {"universalId": "x", "clientNumber": "y", "callTime": "z"}
    mapping.write_text(json.dumps(fields), encoding="utf-8")

    code, out, err = run(file, source, mapping=mapping, encoding="utf-16", delimiter="|")

    assert (code, out) == (1, "Создано 1, изменено 0, уже были 0, отклонено 1\n")
    assert err == "3: ragged_row  — В строке 2 значений, а столбцов 3.\n"
    assert Call.objects.get().external_id == "u-1"

    mapping.write_text('{"unknown": "x"}', encoding="utf-8")
    assert run(file, source, mapping=mapping)[::2] == (
        2,
        f'В файле {mapping} нужен объект JSON: {{"наше поле": "столбец"}}.',
    )


def test_same_calls_of_a_workbook_and_of_json_are_the_same(
    source: CallSource, tmp_path: Path
) -> None:
    item = {"universalId": "u-1", "clientNumber": "79160000001", "callTime": "2026-11-27 20:15:00"}
    run(write_file(tmp_path, [item]), source)
    file = tmp_path / "calls.xlsx"
    with file.open("wb") as target:
        columns = [Column(name) for name in item]
        with workbook_writer(target, sheet="Звонки", columns=columns) as write_row:
            write_row(list(item.values()))

    code, out, _err = run(file, source, sheet="Звонки")

    assert (code, Call.objects.count()) == (0, 1)
    assert out == "Создано 0, изменено 0, уже были 1, отклонено 0\n"
