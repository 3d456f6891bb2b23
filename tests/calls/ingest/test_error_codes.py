"""One table of the API's codes: what is raised is in it, and what is in it is raised."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from cabinets.models import CallSource
from calls.ingest.error_codes import CODES, OF_REQUESTS, title_of
from tests.calls.ingest.refusals import assert_nothing_stored
from tests.calls.posting import post_body, signed_headers
from tests.paths import ROOT

#: What is raised or returned with a code → the place of the code among its arguments.
RAISED = {
    "ApiError": 1,
    "SignatureRefused": 0,
    "Unusable": 0,
    "BadRecord": 0,
    "Warned": 0,
    "SpoiltValue": 0,
    "OutgoingCall": 0,
}
#: Codes that are chosen by the status or the kind of an error.
CHOSEN = {
    "bad_request", "body_too_large", "forbidden", "internal_error", "method_not_allowed",
    "nul_character", "request_timeout", "server_busy", "unknown_charset",
}  # fmt: skip
FOLDERS = ("calls", "callkeeper_metrika")


def raised() -> Iterator[tuple[str, int | None]]:
    """Yield every code that is written where it is raised, with the status of a request's."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            constants = dict(filter(None, map(constant, tree.body)))
            for node in ast.walk(tree):
                yield from codes_of(node, constants)


def constant(node: ast.stmt) -> tuple[str, str] | None:
    match node:
        case ast.Assign([ast.Name(name)], ast.Constant(str(value))):
            return name, value
    return None


def codes_of(node: ast.AST, constants: dict[str, str]) -> Iterator[tuple[str, int | None]]:
    match node:
        case ast.Call(ast.Name(name), arguments) if name in RAISED and arguments:
            match arguments[RAISED[name]]:
                case ast.Constant(str(code)):
                    yield code, status_of(name, arguments[0])
                case ast.Name(variable) if variable in constants:
                    yield constants[variable], status_of(name, arguments[0])


def status_of(name: str, first: ast.expr) -> int | None:
    if name == "SignatureRefused":
        return 401
    is_status = name == "ApiError" and isinstance(first, ast.Constant)
    return int(str(first.value)) if is_status and isinstance(first, ast.Constant) else None


def test_every_code_is_in_the_table_with_its_status_and_no_other_is() -> None:
    found = set(raised())

    assert {code for code, _status in found} | CHOSEN == set(CODES)
    assert {(code, CODES[code].status) for code, _status in found} == found


def test_every_code_has_a_title_and_what_to_do() -> None:
    assert [code for code in CODES if title_of(code).lower() == code or not title_of(code)] == []
    assert all(str(one.what_to_do).endswith(".") for one in CODES.values())
    assert title_of("unknown_yet") == "unknown_yet"
    assert title_of("webhook_id_reused") == "webhook-id уже был у другого тела"
    assert title_of("too_long") == "Звонок длиннее суток"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", "application/json"),
        ("application/problem+json, application/json", "application/problem+json"),
    ],
)
def test_refusal_is_a_problem_document_and_has_the_former_member(
    source: CallSource, settings: Settings, accept: str, content_type: str
) -> None:
    settings.PUBLIC_URL = "https://lk.example"

    headers = signed_headers(b"{", webhook_id="msg_1") | {"Accept": accept}
    answer = post_body(b"{", headers=headers | {"X-CallKeeper-Source": source.public_id})

    said = "Тело запроса — не JSON: ошибка в строке 1, знак 2."
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == content_type
    assert answer.json() == {
        "error": {"code": "malformed_json", "message": said},
        "type": "https://lk.example/help/malformed_json",
        "title": "Тело — не JSON в UTF-8",
        "status": 400,
        "detail": said,
        "code": "malformed_json",
        "doc_url": "https://lk.example/help/malformed_json",
    }
    assert_nothing_stored()


def header(answer: Any, name: str) -> Any:
    assert answer.status_code == 415
    return answer.headers.get(name)


def test_unsupported_body_names_what_is_supported() -> None:
    client = Client()

    text = client.post("/api/v1/calls", b"{}", content_type="text/plain")
    zipped = client.post(
        "/api/v1/calls", b"{}", content_type="application/json", headers={"Content-Encoding": "br"}
    )

    assert header(text, "Accept-Post") == "application/json"
    assert header(zipped, "Accept-Encoding") == "identity"


def test_statuses_to_repeat_after_are_those_that_say_when() -> None:
    said = {one.status for one in OF_REQUESTS.values() if "Retry-After" in str(one.what_to_do)}

    assert said == {429, 503}
