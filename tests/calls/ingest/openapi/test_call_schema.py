"""An accepted record matches the schema; one that is refused for its types does not."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from cabinets.models import CallSource
from calls.ingest.openapi import examples as examples
from calls.ingest.openapi.call_schema import call_schema
from calls.ingest.openapi.document import document
from calls.ingest.parsing.record import CallRecord, read_record
from tests.calls.ingest.json_schema import problems
from tests.calls.posting import post_calls

pytestmark = pytest.mark.django_db
#: A time after the calls of the examples.
AFTER = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
VALUES: list[Any] = [
    *(None, "", "-", [], 0, "0", 0.0, 1, "1", 1.0, True, "true", "да", False, 200, "200", 152.9),
    *(79161234567, 79161234567.0, "8 (916) 123-45-67", 1718031415926535897, "4611686018427387904"),
    *(1_795_418_401, "1795418401", 1_795_418_400.5, "2026-11-23T10:20:30+03:00", "success"),
    *("calltracking", "Динамический", "okna.example", "https://okna.example/?yclid=5", "a, b"),
    *("30,31", ["a", 5], [30, "31", 32.0, None], [[]], [{}], {}, {"a": 1}),
    *([{"name": "a"}], {"0": 30, "2": "31"}, {"a": "b"}, '["a", "30"]', "a;b"),
]


def violations(item: dict[str, Any]) -> list[str]:
    """Return the violations of the schema of a call."""
    return problems(item, {"$ref": "#/components/schemas/Call"}, document())


def parsed(item: dict[str, Any]) -> CallRecord | None:
    """Return the parsed call, None when the record is refused."""
    record = read_record(item, source_id="src_1", zone=None, now=AFTER)
    return replace(record, raw={}, content_hash="") if isinstance(record, CallRecord) else None


@pytest.mark.parametrize("field", list(call_schema()["properties"]))
def test_every_value_that_is_parsed_matches_the_schema(field: str) -> None:
    """A value that is ignored or unreadable, such as an object for a site, need not match."""
    understood = 0
    for service, value in itertools.product(("callback", "calltracking"), VALUES):
        record = {"callTime": 1_795_418_400, "serviceType": service}
        without = parsed({name: value for name, value in record.items() if name != field})
        found = parsed(record | {field: value})
        if (
            found is not None
            and found.unreadable_identifiers is None
            and not found.site.startswith(("{", "["))
            and (found != without or is_absent(value))
        ):
            understood += found != without
            assert violations(record | {field: value}) == [], value
    assert understood


def is_absent(value: Any) -> bool:
    return value is None or value in ("", "-", []) or (value == 0 and value is not False)


@pytest.mark.parametrize(
    "fields",
    [
        {"duration": "152"}, {"duration": 152.9}, {"statusFirst": "200"}, {"unique": 1},
        {"unique": "1"}, {"tags": "Целевой, Балкон"}, {"tags": None}, {"tags": ["Целевой", 5]},
        {"clientNumber": 79161234567}, {"clientNumber": 79161234567.0}, {"site": None},
        {"site": []}, {"yaClid": 1718031415926535897}, {"cbCallId": "5"}, {"universalId": None},
        {"universalId": 77}, {"universalId": 0}, {"cbAttemptsQueue": "30,31"},
        {"callTime": "1795418400"}, {"callTime": 1795418400.5}, {"неизвестное": {"поле": [1]}},
    ],
    ids=str,
)  # fmt: skip
@time_machine.travel(AFTER, tick=False)
def test_accepted_record_matches_the_schema(source: CallSource, fields: dict[str, Any]) -> None:
    item = examples.ONE_CALL | fields

    answer = post_calls(item, source=source)

    assert answer.json()["results"][0]["status"] == "created"
    assert violations(item) == []


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"universalId": True}, "bad_universal_id"), ({"universalId": 1.5}, "bad_universal_id"),
        ({"universalId": [1]}, "bad_universal_id"), ({"duration": True}, "bad_number"),
        ({"duration": [5]}, "bad_number"), ({"holdDuration": {"sec": 5}}, "bad_number"),
        ({"callTime": None}, "missing_field"), ({"callTime": []}, "missing_field"),
        ({"callTime": True}, "bad_time"),
    ],
    ids=str,
)  # fmt: skip
@time_machine.travel(AFTER, tick=False)
def test_record_refused_for_a_type_does_not_match_the_schema(
    source: CallSource, fields: dict[str, Any], code: str
) -> None:
    item = examples.ONE_CALL | fields

    answer = post_calls(item, source=source)

    assert answer.json()["results"][0]["error"]["code"] == code
    assert violations(item) != []
