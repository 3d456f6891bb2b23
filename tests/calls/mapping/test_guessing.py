"""Paths of nested items, guesses by well-known names, and values written for the parser."""

from __future__ import annotations

import json
from typing import Any

import pytest

from calls.mapping import flatten, guess, value_at
from calls.mapping.field_mapping import usable_fields
from calls.mapping.values import is_spoilt, joined_time, written_time


def test_nested_item_has_dotted_paths() -> None:
    item = {
        "id": 7,
        "visit": {"first": {"utm": "a"}, "none": {}},
        "tags": ["a", "b"],
        "legs": [{"to": "1"}, {"to": "2"}],
        "json": json.dumps({"entry": {"n": 5}}),
        "a.b": "dotted",
    }

    assert flatten(item) == {
        "id": 7,
        "visit.first.utm": "a",
        "visit.none": {},
        "tags": ["a", "b"],
        "legs.0.to": "1",
        "legs.1.to": "2",
        "json.entry.n": 5,
        "a.b": "dotted",
    }
    assert {path: value_at(item, path) for path in flatten(item)} == flatten(item)
    assert value_at(item, "visit.second.utm") is None


def test_deep_and_wide_items_are_cut() -> None:
    deep: Any = "bottom"
    for _level in range(5000):
        deep = {"in": deep}

    assert len(flatten({str(number): number for number in range(5000)})) == 300
    assert list(flatten(deep)) == ["in.in.in.in.in.in"]
    assert flatten("[" * 5000) == {}


def test_well_known_names_are_guessed() -> None:
    samples = {
        "Дата звонка": "27.11.2026 20:15",
        "Номер клиента": "8 (916) 000-00-01",
        "Длительность разговора": "00:01:05",
        "Статус": "Успешный",
        "Сайт": "okna-stolica.example",
        "client_id": "1718031415926535897",
        "Комментарий": "перезвонить",
    }

    assert guess(samples, samples).fields == {
        "callTime": "Дата звонка",
        "clientNumber": "Номер клиента",
        "duration": "Длительность разговора",
        "status": "Статус",
        "site": "Сайт",
        "yaClid": "client_id",
    }


def test_value_that_its_name_does_not_fit_is_not_guessed() -> None:
    samples = {
        "call_time": "утром",
        "time_start": "2026-11-27",
        "time": "20:15",
        "client_number": "Иван",
        "caller": "79160000001",
        "client_id": "40017",
    }

    assert guess(samples, samples).fields == {
        "callTime": "time_start",
        "callTimeOfDay": "time",
        "clientNumber": "caller",
    }


@pytest.mark.parametrize(
    ("came", "written"),
    [
        ("27.11.2026 20:15:00", "2026-11-27 20:15:00"),
        ("7.1.2026, 9:05", "2026-01-07 09:05"),
        ("2026/11/27 9:05", "2026-11-27 09:05"),
        ("2026-11-27T20:15:00+03:00", "2026-11-27T20:15:00+03:00"),
        ("2026-11-27 20:15:00", "2026-11-27 20:15:00"),
        ("11/27/2026 20:15", "11/27/2026 20:15"),
        ("27.11.26 20:15", "27.11.26 20:15"),
        (1795799694, 1795799694),
    ],
)
def test_times_are_written_as_iso_or_left(came: Any, written: Any) -> None:
    assert written_time(came) == written


def test_date_and_time_of_day_are_joined() -> None:
    assert joined_time("27.11.2026", "20:15") == "2026-11-27 20:15"
    assert joined_time("2026-11-27 20:15:00", "21:00") == "2026-11-27 20:15:00"
    assert joined_time("2026-11-27", "") == "2026-11-27"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1,71803E+18", True),
        ("7,916E+10", True),
        (1.718031415926536e18, True),
        ("1718031415926535897", False),
        ("71e5", False),
        (79160000001.0, False),
    ],
)
def test_numbers_that_a_spreadsheet_rounded_are_known(value: Any, expected: bool) -> None:
    assert is_spoilt(value) is expected


def test_fields_that_are_not_ours_are_dropped() -> None:
    came = {"callTime": "when", "evil": "x", "site": "", "yaClid": 5, "tags": "т" * 301}

    assert usable_fields(came) == {"callTime": "when"}


@pytest.mark.parametrize("name", ["siteDomain", "site_domain_name", "Домен сайта", "Адрес сайта"])
def test_site_is_guessed_by_the_names_of_its_domain(name: str) -> None:
    assert guess([name]).fields == {"site": name}
