"""The short ways for plain values read what the long ways read, and leave all others to them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from calls.ingest.parsing import (
    call_kind,
    call_time,
    content_hash,
    former_id,
    identity,
    json_values,
    lists,
    phone,
    record,
    sites,
)
from calls.ingest.parsing.json_values import STRICT_DECODER, MalformedJson, read_json
from calls.ingest.parsing.record import BadRecord, CallRecord, read_record
from calls.ingest.parsing.remembered import MAX_REMEMBERED, Remembered
from calls.states import SITE_FIELDS
from tests import factories
from tests.calls.ingest.any_record import FIELDS, JSON

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
#: What the short ways are for, and what nearly is.
NEARLY_PLAIN = st.sampled_from(
    [
        *("", "-", " ", "0", "00", "1", "79161234567", "89161234567", "+79161234567", " 1"),
        *("8916123456", "1718031415926530010", "18446744073709551615", "18446744073709551616"),
        *("9" * 19, "9" * 20, "1e5", "1,23E+17", "7.0", "١٢٣", "１２３", "null", "{{id}}", "A-1"),
        *("2026-11-28T10:20:30+03:00", "2026-11-28 10:20", "2026-13-28 10:20", " 2026-11-28 10:20"),
        *(
            "20261128T102030",
            "1795860000",
            "1795860000000",
            "a" * 129,
            "9" * 129,
            "x\x00",
            "\ud800",
        ),
        *("https://a.ru/", "https://a.ru/ ", "https://a.ru/?yclid=7", "HTTPS://a.ru", "//a.ru"),
        *("a.ru", "a.ru, b.ru", "callback", "import", "static", "не статический", "success"),
        *("200/200", "yes", "00:01:05", '["a", "b"]', "a;b"),
        *(0, 1, -1, 200, 487, 813, 86401, 999_999_999, 1_000_000_000, 1_795_860_000, 2**63, 2**64),
        *(79161234567, True, False, None, 1.0, 1.5, 0.0),
        *([], {}, ["a", "b"], ["a", "a", ""], [1], [None], [["a"]], {"0": "a"}, {"name": "a"}),
    ]
)
NAMES = [
    *FIELDS,
    *("timeStart", "clientPhone", "ya_clientid", "cpg", "entryPoint", "host", "ctCampaignType"),
]
#: A record as CallKeeper sends it, with some fields that are left out or have other values.
RECORDS = st.builds(
    lambda changed, dropped: {
        name: value
        for name, value in (factories.v3_record(universalId="7") | changed).items()
        if name not in dropped
    },
    st.dictionaries(st.sampled_from(NAMES), NEARLY_PLAIN | JSON, max_size=4),
    st.sets(st.sampled_from(FIELDS), max_size=4),
)


def read(item: Any) -> CallRecord | BadRecord:
    zone = ZoneInfo("Europe/Moscow")
    return read_record(item, source_id="src_1", zone=zone, now=NOW)


def read_the_long_way(item: Any) -> CallRecord | BadRecord:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content_hash, "_plainly_written", lambda _item: None)
        patch.setattr(record, "_plain_visitor", lambda _item: None)
        patch.setattr(call_time, "_is_plain_iso", lambda _value: False)
        patch.setattr(identity, "_is_plain", lambda _text: False)
        patch.setattr(identity, "_MAX_PLAIN", 0)
        for module in (identity, phone):
            patch.setattr(module, "is_digits", lambda _text: False)
        patch.setattr(lists, "_EMPTY", set())
        patch.setattr(lists, "_remembered_tags", lambda texts: lists._read_tags(list(texts)))
        patch.setattr(Remembered, "__call__", lambda function, one: function._read(one))
        return read(item)


@given(item=RECORDS)
def test_short_ways_read_what_the_long_ways_read(item: dict[str, Any]) -> None:
    # The written form tells 1 from True and 1.0.
    assert repr(read(item)) == repr(read_the_long_way(item))


@pytest.mark.parametrize(
    ("read_function", "names"),
    [
        (record._outcome, ("status", "statusFirst", "statusSecond", "state")),
        (call_kind._hints, (*call_kind.STATIC_FLAGS, *call_kind.KIND_FIELDS)),
        (sites.read_named_site, SITE_FIELDS),
        (former_id._read_line, identity.LINES),
    ],
)
def test_remembered_functions_read_only_the_fields_they_are_remembered_by(
    read_function: Remembered[Any], names: tuple[str, ...]
) -> None:
    asked: set[str] = set()

    class Asked(Mapping[str, Any]):
        def __getitem__(self, name: str) -> Any:
            asked.add(name)
            raise KeyError(name)

        def __iter__(self) -> Any:
            raise AssertionError

        def __len__(self) -> int:
            return 1

    read_function._read(Asked())

    assert asked <= set(names) == set(read_function._names)


def test_equal_values_of_other_types_are_remembered_apart() -> None:
    kind: Remembered[str] = Remembered(lambda item: type(item.get("x")).__name__, ("x",))

    kinds = [kind({"x": value}) for _time in range(2) for value in (1, True, 1.0, "1", None)]

    assert kinds == ["int", "bool", "float", "str", "NoneType"] * 2
    assert kind({"x": [1]}) == "list"


def test_only_so_many_short_values_are_remembered() -> None:
    function: Remembered[int] = Remembered(lambda item: 0, ("x",))

    for number in range(MAX_REMEMBERED + 1):
        function({"x": number})
    function({"x": "a" * 1000})
    function({"x": 2**70})

    assert len(function._known) == 1


BODIES = [
    b"18446744073709551616", b"[-9223372036854775809]", b"9" * 5000, b"-0", b"-0.0", b"1E400",
    b"1e5", b'{"a":1,"b":2,"a":3}', b'"\\ud800"', b'"\\ud83d\\ude00"', b"\xef\xbb\xbf{}", b"\xff",
    b"", b" ", b"NaN", b"[1,]", b"[01]", b'"\x00"', b'"a\nb"', b"[" * 300 + b"]" * 300,
    b"[" * 600 + b"]" * 600, b"[" * 5000 + b"]" * 5000, b"null", b"[1] 2", b"[1.5]",
    b'{"a":[{"b":2.0}]}', b'"\\u0000"',
]  # fmt: skip


def as_python_reads(body: bytes) -> str:
    try:
        return repr(STRICT_DECODER.decode(body.decode("utf-8-sig")))
    except (ValueError, RecursionError) as problem:
        return type(problem).__name__


def as_we_read(body: bytes) -> str:
    try:
        return repr(read_json(body))
    except MalformedJson as problem:
        return type(problem.__cause__).__name__


@pytest.mark.parametrize("body", BODIES)
def test_unusual_json_is_read_as_python_reads_it(body: bytes) -> None:
    assert as_we_read(body) == as_python_reads(body)


@given(value=JSON, has_spaces=st.booleans(), is_ascii=st.booleans())
@example(value=2**64, has_spaces=False, is_ascii=True)
def test_json_is_read_as_python_reads_it(value: Any, has_spaces: bool, is_ascii: bool) -> None:
    text = json.dumps(value, ensure_ascii=is_ascii, indent=1 if has_spaces else None)
    body = text.encode("utf-8", "surrogatepass")

    assert as_we_read(body) == as_python_reads(body)


@given(body=st.binary(max_size=12) | st.text('[]{}",:\\u0d8.eE+-1 ', max_size=16).map(str.encode))
def test_bytes_are_read_as_python_reads_them(body: bytes) -> None:
    assert as_we_read(body) == as_python_reads(body)


@given(
    value=st.dictionaries(
        st.text(), st.text(st.characters()) | st.booleans() | st.lists(st.text()), max_size=6
    )
)
def test_plain_canonical_text_is_the_canonical_one(value: dict[str, Any]) -> None:
    written = json_values.plain_canonical(value)

    if written is None:
        assert not json_values.is_storable(json_values.canonical(value))
    else:
        assert written == json_values.canonical(value).encode()
