"""Tags and ids of attempts are read from every shape of a list."""

from __future__ import annotations

from typing import Any

import pytest

from tests.calls.ingest.parsing.parsed import read
from tests.calls.ingest.parsing.reports import BASE, REPORTS

BOTH = ["Целевой", "Новый"]


@pytest.mark.parametrize("report", REPORTS["tags"], ids=lambda report: str(report["value"]))
def test_tags_of_the_reports(report: dict[str, Any]) -> None:
    assert read(**(BASE | {"tags": report["value"]})).tags == report["right"]


@pytest.mark.parametrize(
    "value",
    [
        BOTH,
        "Целевой, Новый",
        "Целевой; Новый",
        "Целевой\r\nНовый",
        '["Целевой", {"name": "Новый"}]',
        '{"0": "Целевой", "2": "Новый"}',
        '"Целевой, Новый"',
        '"[\\"Целевой\\", \\"Новый\\"]"',
        ['["Целевой", "Новый"]'],
        {"2": "Новый", "0": "Целевой"},
        {"17": "Целевой", "18": "Новый"},
        {"a1": "Целевой", "b2": "Новый"},
        {"a1": {"name": "Целевой"}, "b2": {"title": "Новый"}},
        [{"title": "Целевой"}, {"label": "Новый"}],
        [{"id": 5, "value": "Целевой"}, {"tag": "Новый"}],
        [{"name": "", "title": "Целевой"}, "Новый"],
        [{"0": "Целевой", "1": "Новый"}],
        [["Целевой"], ["Новый"]],
        [{"tag_id": 1, "tag_name": "Целевой"}, {"Id": 2, "Name": "Новый"}],
        {"count": 2, "items": [{"name": "Целевой"}, "Новый"]},
        "['Целевой', 'Новый']",
        '["Целе\\u0000вой", "Новый\\ud800"]',
    ],
    ids=str,
)
def test_tags_are_read(value: Any) -> None:
    assert read(tags=value).tags == BOTH


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        ({"name": "Целевой", "id": 1}, ["Целевой"]),
        ({"Целевой": False, "Новый": "нет", "Спам": 0, "Дубль": "0"}, []),
        ({"color": "", "id": None}, []),
        ([{"color": "red", "id": 5}], []),
        ("[VIP]", ["[VIP]"]),
        ("null", []),
        (["undefined", {"name": "null", "title": "Целевой"}], ["Целевой"]),
        ("['" + "a" * 5000, ["['" + "a" * 253]),
        ("[VIP", ["[VIP"]),
        ("[]", []),
        ("{}", []),
        ({}, []),
        (["Окна, двери"], ["Окна, двери"]),
        ("[" * 5000, ["[" * 255]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_list_of_tags(value: Any, tags: list[str]) -> None:
    assert read(tags=value).tags == tags


@pytest.mark.parametrize(
    "value",
    [
        {"Целевой": True, "Новый": "да", "Спам": False},
        {"Целевой": 17, "Новый": "19", "Спам": 0},
        '{"Новый": 1, "Целевой": 1}',
    ],
    ids=str,
)
def test_names_of_a_map_to_ids_or_answers_are_tags(value: Any) -> None:
    assert read(tags=value).tags == ["Новый", "Целевой"]


@pytest.mark.parametrize(
    "queue",
    [
        [31, 30],
        "31,30",
        "31;30",
        "[31,30]",
        '["31", "30"]',
        [{"id": 30}, {"cbCallId": 31, "id": 9}],
        {"0": 31, "2": "30"},
    ],
    ids=str,
)
def test_attempts_are_read(queue: Any) -> None:
    call = read(serviceType="callback", cbCallId=32, cbAttemptsQueue=queue)

    assert call.order_key == 30
