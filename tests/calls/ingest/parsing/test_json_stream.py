"""Reading JSON value by value gives the same values and errors as parsing it at once."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.ingest.parsing import json_stream
from calls.ingest.parsing.file_format import UnreadableListing
from calls.ingest.parsing.import_file import check_listing, records_of
from calls.ingest.parsing.json_stream import JsonStream
from calls.ingest.parsing.json_values import MalformedJson

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Dribble(io.StringIO):
    """A file that returns at most three characters per read."""

    def read(self, size: int | None = -1, /) -> str:
        return super().read(3)


@given(st.lists(VALUES), st.sampled_from([None, 1]))
def test_items_equal_those_of_the_list(items: list[Any], indent: int | None) -> None:
    stream = JsonStream(Dribble(json.dumps(items, ensure_ascii=False, indent=indent)))

    assert list(stream.items()) == items
    stream.end()


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        '["a]',
        "[1]]",
        "[1] x",
        "[NaN]",
        "[-Infinity]",
        "[-]",
    ],
)
def test_text_that_is_not_a_list_is_refused(text: str) -> None:
    stream = JsonStream(Dribble(text))

    with pytest.raises(MalformedJson):
        _read(stream)


@pytest.mark.parametrize(
    "text", ['{"a"', '{"a":', '{"a":1', '{"a":1,}', "{1:2}", '{"a" 1}', "{,}", '{"a":1}}']
)
def test_text_that_is_not_an_object_is_refused(text: str) -> None:
    with pytest.raises(UnreadableListing, match="это не JSON"):
        check_listing(Dribble(text))


def test_number_of_any_length_is_kept() -> None:
    stream = JsonStream(Dribble(f"[1e308, 1e309, -1E400, {'7' * 4300}, {'7' * 4301}]"))

    assert list(stream.items()) == [1e308, "1e309", "-1E400", int("7" * 4300), "7" * 4301]


def test_value_longer_than_one_read_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 4)
    items = ["я" * 1000, 12345678901234567890, {"a": [1, 2, 3]}]

    assert list(JsonStream(io.StringIO(json.dumps(items))).items()) == items


@pytest.mark.parametrize(
    ("text", "records"),
    [
        ("[]", []),
        (" [1, 2] ", [1, 2]),
        ('{"calls": [1], "payload": [2, 3]}', [2, 3]),
        ('{"payload": [2], "payload": [3]}', [3]),
        ('{"payload": {}, "x": [9], "calls": [1]}', [1]),
        ('{"payload": [], "inbound": {"error": "No rows found"}}', []),
    ],
)
def test_records_are_found_in_each_documented_place(text: str, records: list[int]) -> None:
    listing = check_listing(Dribble(text))

    assert listing.count == len(records)
    assert list(records_of(Dribble(text), listing)) == records


def test_error_after_the_records_is_found_before_the_first_record() -> None:
    with pytest.raises(UnreadableListing, match="Wrong key"):
        check_listing(io.StringIO('{"payload": [1], "inbound": {"error": "Wrong key"}}'))


def test_file_changed_since_its_check_is_refused() -> None:
    listing = check_listing(io.StringIO("[1, 2]"))
    records = records_of(io.StringIO("[1, 2"), listing)

    assert next(records) == 1
    with pytest.raises(UnreadableListing, match="изменился"):
        list(records)


def _read(stream: JsonStream) -> None:
    for _item in stream.items():
        pass
    stream.end()


def test_broken_value_does_not_bring_the_rest_of_the_file_into_memory(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", 10)
    monkeypatch.setattr(json_stream, "MAX_VALUE", 100)
    text = io.StringIO('[{"a": 1}, {x}, ' + '{"a": 1}, ' * 1000 + "1]")
    items = JsonStream(text).items()

    assert next(items) == {"a": 1}
    with pytest.raises(MalformedJson):
        next(items)
    assert text.tell() <= 400
