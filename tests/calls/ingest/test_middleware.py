"""Every error under `/api/` is JSON with a code and a message; pages of the cabinet stay pages."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpResponse
from django.middleware.gzip import GZipMiddleware
from django.test import Client, RequestFactory
from pytest_django import Settings

from cabinets.models import CallSource
from calls.ingest import views
from calls.ingest.middleware import JsonErrorsMiddleware
from calls.models import Call
from tests import factories
from tests.calls.ingest.refusals import assert_refused
from tests.calls.posting import post_calls

pytestmark = pytest.mark.django_db
CALLS = "http://127.0.0.1:8000/api/v1/calls"


@pytest.fixture(autouse=True)
def public_url(settings: Settings) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"


def error_of(answer: Any) -> tuple[int, str, str]:
    assert answer.headers["Content-Type"] == "application/json"
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["message"]


@pytest.mark.parametrize("method", ["get", "post", "put"])
@pytest.mark.parametrize("slashes", ["/", "//"])
def test_trailing_slash_names_the_address_without_it(method: str, slashes: str) -> None:
    answer = getattr(Client(), method)(f"/api/v1/calls{slashes}")

    assert_refused(answer, 404, "trailing_slash")
    assert error_of(answer)[2] == f"Адрес без косой черты в конце: {CALLS}"


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/v2/calls", "/api/v1/calls/7"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_unknown_path_names_the_right_one(path: str, method: str) -> None:
    answer = getattr(Client(), method)(path)

    assert_refused(answer, 404, "not_found")
    assert error_of(answer)[2] == (
        f"Адреса {path} нет. Звонки принимает POST {CALLS},"
        " описание: http://127.0.0.1:8000/api/docs"
    )


def test_method_of_the_endpoint_is_named() -> None:
    answer = Client().get("/api/v1/calls")

    assert error_of(answer) == (
        405,
        "method_not_allowed",
        "Метод GET здесь не подходит: звонки принимает только POST.",
    )
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/api/docs", "/api/openapi.json"])
def test_wrong_method_of_the_documents_keeps_its_allow_header(path: str) -> None:
    answer = Client(enforce_csrf_checks=True).post(path)

    assert error_of(answer)[:2] == (405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, HEAD"


def test_unexpected_exception_is_json(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_request: Any) -> None:
        raise RuntimeError("unexpected")

    monkeypatch.setattr(views, "_accept", fail)

    answer = Client(raise_request_exception=False).post("/api/v1/calls")

    assert_refused(answer, 500, "internal_error")
    assert "unexpected" not in answer.content.decode()


def test_unknown_host_is_json_that_names_the_right_one() -> None:
    answer = Client().post("/api/v1/calls", headers={"host": "evil.example"})

    assert error_of(answer) == (
        400,
        "unknown_host",
        f"Хост «evil.example» не обслуживается: адрес API — {CALLS}",
    )


def test_post_over_http_is_refused_instead_of_redirected(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.PUBLIC_URL = "https://lk.example"

    answer = Client().post("/api/v1/calls", b"{}", content_type="application/json")

    assert error_of(answer) == (
        403,
        "https_required",
        "Присылайте по https: https://lk.example/api/v1/calls",
    )
    assert "Location" not in answer.headers


def test_headers_of_the_replaced_response_stay() -> None:
    answer = Client().get("/api/v2/calls")

    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def decoded(answer: Any) -> Any:
    """Return the JSON of the body as a client reads it, which obeys Content-Encoding."""
    body = answer.content
    if answer.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body)


@pytest.mark.parametrize(
    ("method", "path", "host", "status", "code"),
    [
        ("post", "/api/v1/calls", "evil.example", 400, "unknown_host"),
        ("get", "/api/v2/calls", "127.0.0.1", 404, "not_found"),
        ("get", "/api/v1/calls/", "127.0.0.1", 404, "trailing_slash"),
        ("get", "/api/v1/calls", "127.0.0.1", 405, "method_not_allowed"),
        ("delete", "/api/docs", "127.0.0.1", 405, "method_not_allowed"),
    ],
)
def test_error_is_readable_for_a_client_that_accepts_gzip(
    method: str, path: str, host: str, status: int, code: str
) -> None:
    headers = {"host": host, "accept-encoding": "gzip, deflate, br"}

    answer = getattr(Client(), method)(path, headers=headers)

    assert (answer.status_code, decoded(answer)["error"]["code"]) == (status, code)
    assert answer.headers.get("Content-Length", str(len(answer.content))) == str(
        len(answer.content)
    )


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "bad_request"),
        (403, "forbidden"),
        (413, "body_too_large"),
        (500, "internal_error"),
        (503, "internal_error"),
    ],
)
def test_compressed_error_page_is_replaced_with_its_headers_of_the_body(
    status: int, code: str, rf: RequestFactory
) -> None:
    def page(_request: Any) -> HttpResponse:
        answer = HttpResponse("<h1>Error</h1>" * 100, status=status)
        for name in ("ETag", "Last-Modified", "X-Kept"):
            answer.headers[name] = "value"
        return answer

    compressing: Any = GZipMiddleware(page)

    answer = JsonErrorsMiddleware(compressing)(
        rf.get("/api/v1/calls", headers={"accept-encoding": "gzip"})
    )

    assert (answer.status_code, decoded(answer)["error"]["code"]) == (status, code)
    assert not {"Content-Encoding", "ETag", "Last-Modified"} & set(answer.headers)
    assert answer.headers["X-Kept"] == "value"


def test_unexpected_exception_is_readable_for_a_client_that_accepts_gzip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_request: Any) -> None:
        raise RuntimeError("unexpected")

    monkeypatch.setattr(views, "_accept", fail)
    client = Client(raise_request_exception=False, headers={"accept-encoding": "gzip"})

    assert decoded(client.post("/api/v1/calls"))["error"]["code"] == "internal_error"


def test_errors_of_the_cabinet_stay_pages() -> None:
    answer = Client().get("/apiary")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_posted_calls_pass_by_the_middleware_of_people(
    source: CallSource, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionMiddleware, "process_request", None)

    answer = post_calls(factories.v3_record(), source=source)

    assert answer.status_code == 202
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert "Set-Cookie" not in answer.headers
    assert Call.objects.count() == 1


def test_posted_calls_at_an_unknown_host_are_refused(source: CallSource) -> None:
    answer = Client(headers={"Host": "elsewhere.example"}).post(
        "/api/v1/calls", b"{}", content_type="application/json"
    )

    assert_refused(answer, 400, "unknown_host")
