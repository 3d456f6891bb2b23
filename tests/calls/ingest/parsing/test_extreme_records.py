"""Records at the limits of size and nesting: the parser never raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls.ingest.parsing.json_values import MAX_LEVELS
from calls.ingest.parsing.record import BadRecord, CallRecord, read_record
from tests.calls.ingest.any_record import FIELDS, RECORDS
from tests.calls.ingest.parsing.parsed import MOSCOW, NOW, read, refuse


def test_long_texts_are_cut_and_stay_whole_in_raw() -> None:
    call = read(site="с" * 300, ctCampaignName="к" * 300, campaignId="9" * 70, serviceType="s" * 40)

    assert [len(text) for text in (call.site, call.campaign_name)] == [255, 255]
    assert [len(text) for text in (call.campaign_id, call.service_type)] == [64, 32]
    assert call.raw["site"] == "с" * 300


def test_click_id_is_found_in_a_long_address_before_it_is_cut() -> None:
    address = "https://okna-stolica.example/?q=" + "a" * 3000 + "&yclid=1718031415926535001"

    call = read(callPage=address)

    assert (call.page_url, call.yclid) == (address[:2048], "1718031415926535001")
    assert call.raw["callPage"] == address


def test_tags_are_cut_in_length_and_number_and_stay_whole_in_raw() -> None:
    tags = ["т" * 300, "т" * 255, *(f"тег {number}" for number in range(60))]

    call = read(tags=tags)

    assert call.tags == ["т" * 255, *(f"тег {number}" for number in range(49))]
    assert call.raw["tags"] == tags


def test_characters_that_postgresql_refuses_are_removed() -> None:
    odd: dict[str, Any] = {"n\x00ame": ["a\x00", {"b": "\ud800c"}]}

    call = read(**odd)

    assert call.raw["name"] == ["a", {"b": "c"}]


@pytest.mark.parametrize("item", [None, 5, "text", [], [{}]])
def test_record_that_is_not_an_object_is_refused(item: Any) -> None:
    assert refuse(item).code == "not_an_object"


def nested(levels: int, *, bottom: Any = 1) -> Any:
    """Return lists and objects, nested alternately to that many levels."""
    value = bottom
    for level in range(levels):
        value = [value] if level % 2 else {"in": value}
    return value


@pytest.mark.parametrize("levels", [MAX_LEVELS - 1, MAX_LEVELS])
def test_record_nested_to_the_limit_is_kept_whole(levels: int) -> None:
    beside = {"in": "\x00"}  # makes the record be cleaned, too

    call = read(deep=nested(levels - 1), shallow=beside)

    assert call.raw["deep"] == nested(levels - 1)


@pytest.mark.parametrize("levels", [MAX_LEVELS + 1, MAX_LEVELS + 2, 5000])
@pytest.mark.parametrize("bottom", [1, [], {}])
def test_record_nested_deeper_than_the_limit_is_refused(levels: int, bottom: Any) -> None:
    hidden = nested(levels - 1 - isinstance(bottom, dict | list), bottom=bottom)

    problem = refuse({"callTime": 1_795_418_400, "flat": [1, {}], "deep": hidden})

    assert (problem.code, problem.message) == ("too_deep", "Запись звонка глубже 100 уровней.")


@settings(max_examples=300, deadline=None)
@given(RECORDS, st.booleans())
def test_parser_never_raises_for_any_json(item: dict[str, Any], timed: bool) -> None:
    item = item | ({"callTime": 1_795_418_400} if timed else {})

    record = read_record(item, source_id="src_1", zone=MOSCOW, now=NOW)

    assert isinstance(record, CallRecord | BadRecord)


#: Python reads no more than 4,300 digits at once; what looks like a digit need not be a number.
DIGITS = [sign * count for sign in "09²٣" for count in (1, 400, 4301)]


NUMBERS = [
    before + digits + after
    for digits in DIGITS
    for before in ("", "-")
    for after in ("", ".5", "e9", "/200")
]


TIMES = [
    f"{day}T{hour}{offset}"
    for day in ("0001-01-01", "2026-11-23", "9999-12-31")
    for hour in ("00:00:00", "23:59:59.999999")
    for offset in ("", "Z", "+23:59", "-23:59", "+24:00", "+00:00:00.000001")
]


ODD = [*NUMBERS, *TIMES, "nan", "-Infinity", "1e999", 10**4000, -(10**4000), 1.7e308, "http://[1"]


@pytest.mark.parametrize("field", FIELDS)
def test_parser_never_raises_for_extreme_values(field: str) -> None:
    for value in [*ODD, *([value] for value in ODD[::4])]:
        item = {"callTime": 1_795_418_400, "serviceType": "callback", field: value}

        record = read_record(item, source_id="src_1", zone=MOSCOW, now=NOW)

        assert isinstance(record, CallRecord | BadRecord), value
