"""What counts as a change of a call, and what is the same content written otherwise."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cabinets.models import CallSource
from calls.ingest.parsing.content_hash import content_hash
from calls.ingest.parsing.record import BadRecord, CallRecord, read_record
from calls.models import Call
from tests import factories
from tests.calls.ingest.any_record import FIELDS, RECORDS
from tests.calls.posting import post_calls

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (77, "77"),
        (77, 77.0),
        (0, "0"),
        (-5, "-5"),
        (2**64, str(2**64)),
        (2.0**53 - 1, 2**53 - 1),
        (None, ""),
        ([1, None], ["1", ""]),
        ({"b": {"c": 1}, "a": None}, {"a": "", "b": {"c": "1"}}),
    ],
)
def test_same_content_written_otherwise_has_the_same_hash(one: Any, other: Any) -> None:
    assert content_hash({"x": one, "y": 1}) == content_hash({"y": 1, "x": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (77, 78),
        ("77", "077"),
        ("77", "77.0"),
        ("77", " 77"),
        (77, 77.5),
        (1.5, "1.5"),
        (2.0**53, 2**53),
        (1, True),
        ("1", True),
        (0, False),
        (0, ""),
        (0, None),
        (False, ""),
        ("-", ""),
        ([], ""),
        ([1], "1"),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"b": 1}),
        ({}, []),
    ],
)
def test_another_value_has_another_hash(one: Any, other: Any) -> None:
    assert content_hash({"x": one}) != content_hash({"x": other})


def test_new_field_is_a_change_unless_it_is_hooks_or_page() -> None:
    first = {"site": "a.example", "hooks": [{"hookAddress": "x"}], "page": 1}

    assert content_hash(first) == content_hash({"site": "a.example", "hooks": [], "page": 2})
    assert content_hash(first) != content_hash(first | {"unknownField": "new"})


def in_text(value: Any) -> Any:
    """Return the value with numbers as text and null as an empty text."""
    if isinstance(value, dict):
        return {name: in_text(one) for name, one in value.items()}
    if isinstance(value, list):
        return [in_text(one) for one in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return "" if value is None else value


@settings(max_examples=300, deadline=None)
@given(RECORDS, st.booleans())
def test_records_parsed_differently_have_different_hashes(
    item: dict[str, Any], timed: bool
) -> None:
    assert_read_alike(item | ({"callTime": 1_795_418_400} if timed else {}))


@pytest.mark.parametrize("field", FIELDS)
def test_number_and_its_text_are_parsed_alike(field: str) -> None:
    for number in (None, 0, 1, 1.0, -5, 200, 707, 79161234567.0, 2**31, 2**63, 10**20, 10**400):
        for value in (number, [number], [1, number]):
            assert_read_alike({"callTime": 1_795_418_400, "serviceType": "callback", field: value})


def assert_read_alike(item: dict[str, Any]) -> None:
    one, other = _read(item), _read(in_text(item))

    if isinstance(one, BadRecord) or isinstance(other, BadRecord):
        assert isinstance(one, BadRecord)
        assert isinstance(other, BadRecord)
        assert (one.code, one.field) == (other.code, other.field)
    else:
        assert replace(one, raw={}) == replace(other, raw={})


def _read(item: dict[str, Any]) -> CallRecord | BadRecord:
    zone = ZoneInfo("Europe/Moscow")
    return read_record(item, source_id="src_1", zone=zone, now=NOW)


@pytest.mark.django_db
def test_call_is_updated_only_when_its_content_changed(source: CallSource) -> None:
    item = factories.v3_record(universalId=77, duration=152, cbToolId=1000, city=None)
    otherwise = item | {"universalId": "77", "duration": "152", "cbToolId": "1000", "city": ""}
    deliveries = [item, otherwise, otherwise | {"duration": "153"}]

    answers = [post_calls(delivery, source=source).json() for delivery in deliveries]

    said = [answer["results"][0]["status"] for answer in answers]
    assert said == ["created", "duplicate", "updated"]
    assert Call.objects.get().revision == 2
