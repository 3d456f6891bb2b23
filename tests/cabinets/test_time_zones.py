"""Choices of time zones: near ones by city with their offset, and no misleading names."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime

import pytest

from cabinets.time_zones import NEAR, zone_choices, zone_label

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def test_near_zones_come_first_with_their_offset() -> None:
    (_title, near), (_others_title, others) = zone_choices(now=NOW)

    assert near[0] == ("Europe/Kaliningrad", "Калининград — UTC+2")
    assert near[1] == ("Europe/Moscow", "Москва, Санкт-Петербург — UTC+3")
    assert dict(near)["UTC"] == "Всемирное время — UTC+0"
    assert dict(others)["Asia/Kolkata"] == "Asia/Kolkata"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Asia/Sakhalin", "Южно-Сахалинск — UTC+11"),
        ("Asia/Anadyr", "Анадырь — UTC+12"),
        ("Europe/Saratov", "Саратов — UTC+4"),
        ("Asia/Tomsk", "Томск — UTC+7"),
        ("Europe/Chisinau", "Кишинёв — UTC+2"),
        ("Asia/Dushanbe", "Душанбе — UTC+5"),
        ("Europe/Riga", "Рига — UTC+2"),
    ],
)
def test_zones_of_russia_and_its_neighbours_have_russian_names(name: str, words: str) -> None:
    (_title, near), (_others_title, others) = zone_choices(now=NOW)

    assert dict(near)[name] == words
    assert name not in dict(others)


def test_every_choice_is_a_known_zone_and_unique() -> None:
    names = [name for _title, zones in zone_choices(now=NOW) for name, _words in zones]

    assert set(names) <= zoneinfo.available_timezones()
    assert len(names) == len(set(names))
    assert not [name for name in names if name.startswith("Etc/")]
    assert set(NEAR) <= set(names)


def test_label_of_an_unlisted_zone_is_its_name() -> None:
    assert zone_label("Asia/Omsk") == "Омск"
    assert zone_label("Asia/Kolkata") == "Asia/Kolkata"
    assert zone_label("") == ""
