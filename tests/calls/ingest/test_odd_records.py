"""Records at the limits of JSON, Python or PostgreSQL do not affect the other records."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cabinets.models import CallSource
from calls.models import Call
from tests import factories
from tests.calls.posting import post_calls

pytestmark = pytest.mark.django_db


def with_field(written: str) -> bytes:
    """A valid record with one more field, whose JSON text is given."""
    return (
        json.dumps(factories.v3_record()).removesuffix("}").encode()
        + f', "x": {written}}}'.encode()
    )


def nested_lists(count: int) -> str:
    return "[" * count + "]" * count


@pytest.mark.parametrize(
    ("lists", "code"),
    [(98, None), (99, None), (100, "too_deep"), (600, "too_deep"), (700, "too_deep")],
)
def test_record_nested_too_deep_is_rejected_alone(
    source: CallSource, lists: int, code: str | None
) -> None:
    body = b'{"calls": [%s, %s]}' % (with_field(nested_lists(lists)), with_field("1"))

    deep, good = post_calls(body, source=source).json()["results"]

    assert deep["status"] == ("rejected" if code else "created")
    assert deep.get("error", {}).get("code") == code
    assert good["status"] == "created"
    assert Call.objects.count() == (1 if code else 2)


def test_body_nested_too_deep_to_parse_is_refused(source: CallSource) -> None:
    body = b'{"calls": [%s, %s]}' % (with_field(nested_lists(90_000)), with_field("1"))

    answer = post_calls(body, source=source)

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed_json")
    assert Call.objects.count() == 0


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("1" * 4300, int("1" * 4300)),
        ("1" * 4301, "1" * 4301),
        ("-" + "1" * 4301, "-" + "1" * 4301),
        ("9" * 200_000, "9" * 200_000),
        ("1.7e308", 17 * 10**307),
        ("1e400", "1e400"),
        ("-1E+400", "-1E+400"),
        ("1e200000", "1e200000"),
    ],
    ids=lambda value: str(value)[:9],
)
def test_number_of_any_length_is_stored(source: CallSource, written: str, kept: Any) -> None:
    body = b'{"calls": [%s, %s]}' % (with_field(f"[{written}]"), with_field("1"))

    results = post_calls(body, source=source).json()["results"]

    assert [result["status"] for result in results] == ["created", "created"]
    assert Call.objects.get(pk=results[0]["call_id"]).raw["x"] == [kept]


@pytest.mark.parametrize(
    ("field", "code"),
    [("callTime", "bad_time"), ("duration", "bad_number"), ("clientNumber", None),
     ("yaClid", None), ("yclid", None), ("statusFirst", None), ("unique", None)],
)  # fmt: skip
@pytest.mark.parametrize("written", ["9" * 5000, "1e400"], ids=["digits", "exponent"])
def test_number_out_of_range_is_handled_by_its_field(
    source: CallSource, field: str, code: str | None, written: str
) -> None:
    bad = factories.v3_record(**{field: "here"})
    body = json.dumps({"calls": [bad, factories.v3_record()]}).replace('"here"', written)

    odd, good = post_calls(body.encode(), source=source).json()["results"]

    assert odd.get("error", {}).get("code") == code
    assert good["status"] == "created"
    if code is None:
        call = Call.objects.get(pk=odd["call_id"])
        read = {"clientNumber": call.phone, "yaClid": call.client_id, "yclid": call.yclid,
                "statusFirst": call.status_first, "unique": call.is_unique}[field]  # fmt: skip
        assert not read
        assert call.raw[field] == written
