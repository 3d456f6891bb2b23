"""The OpenAPI document and its page; the endpoint responds as they describe."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.test import Client

from cabinets.models import CallSource
from calls.ingest.error_codes import CODES
from calls.ingest.openapi import examples as examples
from calls.ingest.openapi.docs_page import sections
from calls.ingest.openapi.document import document
from calls.ingest.parsing.record import CallRecord, read_record
from calls.models import Call
from tests import factories
from tests.calls.ingest.json_schema import problems, resolve
from tests.calls.posting import post_calls

pytestmark = pytest.mark.django_db
#: A time after the calls of the examples.
AFTER = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


SCHEMAS = {
    *("Answer", "Call", "Calls", "Error", "Refusal", "Result", "Warning"),
    *("PreviewAnswer", "PreviewDecision", "PreviewResult"),
}


def violations(answer: Any) -> list[str]:
    """Return the violations of the documented schema."""
    whole = document()
    responses = whole["paths"]["/api/v1/calls"]["post"]["responses"]
    response = responses[str(answer.status_code)]
    schema = response["content"]["application/json"]["schema"]
    missing = [name for name in response.get("headers", {}) if name not in answer.headers]
    return problems(answer.json(), schema, whole) + missing


def test_document_needs_no_sign_in() -> None:
    answer = Client().get("/api/openapi.json")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == document()
    assert answer.json()["openapi"] == "3.1.0"


def test_page_needs_no_sign_in_and_follows_the_csp() -> None:
    answer = Client().get("/api/docs")

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "<h1>Приём звонков CallKeeper</h1>" in page
    assert examples.VECTOR_SIGNATURE in page
    assert "style=" not in page
    assert "<script>" not in page
    for status in document()["paths"]["/api/v1/calls"]["post"]["responses"]:
        assert status in page


def test_samples_have_the_source_of_the_query() -> None:
    page = Client().get("/api/docs", {"source": "src_0123456789abcdef"}).content.decode()

    assert "SOURCE=&#x27;src_0123456789abcdef&#x27;" in page
    assert "SECRET, SOURCE = &quot;whsec_…&quot;, &quot;src_0123456789abcdef&quot;" in page


@pytest.mark.parametrize("name", ["';id;'", "src_1\n", "a" * 65, "<b>"])
def test_samples_have_nothing_else_of_the_query(name: str) -> None:
    page = Client().get("/api/docs", {"source": name}).content.decode()

    assert page == Client().get("/api/docs").content.decode()


def test_every_code_of_a_refusal_is_documented() -> None:
    responses = document()["paths"]["/api/v1/calls"]["post"]["responses"]
    page = Client().get("/api/docs").content.decode()

    for code, one in CODES.items():
        assert f'<tr id="{code}">' in page
        assert one.status is None or f"{code}: " in responses[str(one.status)]["description"]


def test_document_and_page_say_which_bodies_are_read() -> None:
    said = document()["paths"]["/api/v1/calls"]["post"]["requestBody"]["description"]

    assert said == (
        "JSON в UTF-8, до 5242880 байт: с Content-Length или частями (Transfer-Encoding: chunked),"
        " без сжатия (Content-Encoding: identity можно). Вместо calls принимаются и список без"
        " имени, и payload, как в ответе API CallKeeper."
    )
    assert said in Client().get("/api/docs").content.decode()


def test_every_reference_of_the_document_resolves() -> None:
    whole = document()
    references = [value for name, value in walk(whole) if name == "$ref"]

    assert len(references) > 10
    for reference in references:
        assert resolve(reference, whole)


def test_names_of_the_schemas_are_stable() -> None:
    """Generated clients name their classes after them."""
    assert set(document()["components"]["schemas"]) == SCHEMAS


def walk(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, list):
        return [pair for one in value for pair in walk(one)]
    if isinstance(value, dict):
        return [*value.items(), *(pair for one in value.values() for pair in walk(one))]
    return []


def test_every_example_of_a_field_is_parsed() -> None:
    fields = document()["components"]["schemas"]["Call"]["properties"]
    item = {name: field["examples"][0] for name, field in fields.items()}

    record = read_record(item, source_id="src_1", zone=None, now=AFTER)

    assert problems(item, {"$ref": "#/components/schemas/Call"}, document()) == []
    assert isinstance(record, CallRecord)


def test_every_parameter_is_documented_with_its_place() -> None:
    documented = {
        (one["in"], one["name"], one["required"])
        for one in document()["paths"]["/api/v1/calls"]["post"]["parameters"]
    }
    page = Client().get("/api/docs").content.decode()

    assert documented == {
        ("header", "webhook-id", True),
        ("header", "webhook-timestamp", True),
        ("header", "webhook-signature", True),
        ("header", "X-CallKeeper-Source", False),
        ("query", "source", False),
        ("query", "validate_only", False),
        ("query", "explain", False),
    }
    assert "<code>?source=</code>" in page


def test_page_names_the_types_of_a_field() -> None:
    kinds = {field["name"]: field["types"] for field in sections(document())["fields"]}

    assert kinds["callTime"] == "integer | number | string"
    assert kinds["site"] == "string | integer"
    assert kinds["tags"] == "array | object | string | integer"


@time_machine.travel(AFTER, tick=False)
def test_responses_to_the_examples_match_the_document(source: CallSource) -> None:
    one = post_calls(examples.ONE_CALL, source=source)
    Call.objects.all().delete()
    several = post_calls(
        examples.SEVERAL_CALLS,
        source=factories.make_source(cabinet=factories.make_cabinet(name="Другой")),
    )

    assert (one.status_code, several.status_code) == (202, 202)
    assert violations(one) == violations(several) == []
    assert without_numbers(several.json()) == without_numbers(examples.ANSWER)


def without_numbers(answer: Any) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in result.items() if name not in ("call_id", "error")}
        | {"error": {**result.get("error", {}), "doc_url": ""}}
        for result in answer["results"]
    ]


@pytest.mark.parametrize("bounds", [("minItems", "maxItems"), ("minProperties", "maxProperties")])
def test_as_many_calls_are_taken_as_the_document_says(
    source: CallSource, bounds: tuple[str, str]
) -> None:
    schema = document()["components"]["schemas"]["Calls"]["properties"]["calls"]
    least, most = (schema[name] for name in bounds)

    taken = {}
    for count in (least - 1, least, most, most + 1):
        records = [factories.v3_record() for _number in range(count)]
        by_place = {str(place): one for place, one in enumerate(records)}
        body = {"calls": records if "maxItems" in bounds else by_place}
        answer = post_calls(body, source=source)
        taken[count] = answer.status_code
        assert (problems(body, {"$ref": "#/components/schemas/Calls"}, document()) == []) == (
            answer.status_code == 202
        )
        assert violations(answer) == []

    # An empty object is no list with gaps: its shape is refused.
    none = 422 if "minItems" in bounds else 400
    assert taken == {least - 1: none, least: 202, most: 202, most + 1: 413}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"5", 400), (b"[]", 422), (b'{"calls": [{}, {}]}', 422),
     (b'{"calls": [' + b"{}," * 500 + b"{}]}", 413)],
)  # fmt: skip
def test_refusals_match_the_document(source: CallSource, body: bytes, status: int) -> None:
    answer = post_calls(body, source=source)

    assert answer.status_code == status
    assert violations(answer) == []


def test_warning_matches_the_document(source: CallSource) -> None:
    order = {"serviceType": "callback", "cbAttemptsQueue": [500]}
    calls = [factories.v3_record(**order, cbCallId=501 + number) for number in range(51)]

    answer = post_calls({"calls": calls}, source=source)

    assert {one["warning"]["code"] for one in answer.json()["results"]} == {"too_many_attempts"}
    assert violations(answer) == []
    assert "too_many_attempts" in Client().get("/api/docs").content.decode()


def test_refused_signature_matches_the_document(source: CallSource) -> None:
    unsigned = Client().post("/api/v1/calls", b"{}", content_type="application/json")
    other_method = Client().get("/api/v1/calls")
    other_type = Client().post("/api/v1/calls", b"{}", content_type="text/plain")

    for answer, status in ((unsigned, 401), (other_method, 405), (other_type, 415)):
        assert answer.status_code == status
        assert violations(answer) == []


def test_vector_body_is_a_call() -> None:
    item = json.loads(examples.VECTOR_BODY)

    assert isinstance(read_record(item, source_id="src_1", zone=None, now=AFTER), CallRecord)


def test_page_warns_of_rounded_ids_and_of_conflicts(client: Client) -> None:
    page = " ".join(client.get("/api/docs").content.decode().split())

    assert "Номера звонков, ClientID, yclid и UserID присылайте только строкой" in page
    assert "Код identity_conflict — под известным номером пришёл другой звонок" in page
