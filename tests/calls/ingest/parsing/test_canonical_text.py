"""One canonical text of a record is hashed and tells whether PostgreSQL can store it."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calls.ingest.parsing import content_hash as content_hash_module
from calls.ingest.parsing import json_values
from calls.ingest.parsing.content_hash import content_hash, read_content
from calls.ingest.parsing.identifiers import CLIENT_ID, Identifier, read_number
from calls.ingest.parsing.json_values import (
    MAX_LEVELS,
    TooDeep,
    canonical,
    canonical_list,
    json_bytes,
    storable,
)
from calls.ingest.parsing.record import CallRecord
from tests import factories
from tests.calls.ingest.any_record import JSON, RECORDS
from tests.calls.ingest.parsing.parsed import read

TEXTS = st.text(st.characters(), max_size=20)
UNCLEAN = RECORDS | st.dictionaries(TEXTS, JSON | TEXTS, max_size=5)


# On a busy machine examples of this kind are made slowly; that says nothing about the code.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(item=UNCLEAN)
def test_content_is_what_can_be_stored_and_its_hash(item: dict[str, Any]) -> None:
    assert read_content(item) == (storable(item), content_hash(storable(item)))


# On a busy machine examples of this kind are made slowly; that says nothing about the code.
@settings(suppress_health_check=[HealthCheck.too_slow])
@given(item=UNCLEAN)
def test_stored_text_of_a_record_is_the_record(item: dict[str, Any]) -> None:
    record = storable(item)
    written = json_bytes(record)

    as_before = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    assert json.loads(written, parse_float=Decimal) == json.loads(as_before, parse_float=Decimal)
    assert canonical(json.loads(written)) == canonical(record)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**70), 10**400])
def test_long_number_of_a_record_is_stored_digit_by_digit(number: int) -> None:
    assert json_bytes({"ё": number}) == f'{{"ё":{number}}}'.encode()


@pytest.mark.parametrize("name", ["hooks", "page", "text"])
@pytest.mark.parametrize("text", ["\x00", "\ud800", "\\u0000"])
def test_text_that_cannot_be_stored_is_cleaned_in_every_field(name: str, text: str) -> None:
    raw, _hash = read_content({name: [{text: f"a{text}b"}]})

    kept = text if text == "\\u0000" else ""
    assert raw == {name: [{kept: f"a{kept}b"}]}


@pytest.mark.parametrize("name", ["hooks", "text"])
def test_levels_are_counted_in_every_field(name: str) -> None:
    value: Any = "x"
    for _level in range(MAX_LEVELS - 1):
        value = [value]

    assert read_content({name: value})[0] == {name: value}
    with pytest.raises(TooDeep):
        read_content({name: [value]})


def test_plain_record_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Any] = []
    write = json_values.plain_canonical

    def counting(value: dict[str, Any]) -> bytes | None:
        written.append(value)
        return write(value)

    monkeypatch.setattr(content_hash_module, "plain_canonical", counting)
    monkeypatch.setattr(json_values, "_CANONICAL", None)

    assert isinstance(read(**factories.v3_record(callTime=1_795_418_400)), CallRecord)
    assert len(written) == 1


@given(values=st.lists(TEXTS | st.integers()))
def test_list_of_texts_and_numbers_is_canonical(values: list[str | int]) -> None:
    assert canonical_list(values) == canonical(values)


@pytest.mark.parametrize(
    ("came", "identifier"),
    [
        ("1718031415926530010", Identifier("1718031415926530010")),
        ("007", Identifier("007")),
        ("18446744073709551615", Identifier("18446744073709551615")),
        ("18446744073709551616", Identifier(unreadable="18446744073709551616")),
        ("0", Identifier()),
        ("000", Identifier()),
        ("", Identifier()),
        ("１２３", Identifier(unreadable="１２３")),
        ("{{client_id}}", Identifier()),
        ("1" * 2000, Identifier(unreadable="1" * 100)),
    ],
)
def test_plain_digits_are_read_as_any_other_text(came: str, identifier: Identifier) -> None:
    assert read_number({"yaClid": came}, CLIENT_ID) == identifier
