"""Errors of the API through the real web server, to clients that accept compressed answers."""

from __future__ import annotations

import pytest
import requests

from tests.ingest_faults.web_server import WebServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("encodings", ["gzip", "gzip, deflate, br", "identity"])
def test_errors_are_readable_whatever_encoding_a_client_accepts(
    web_server: WebServer, encodings: str
) -> None:
    found = [
        requests.request(
            method,
            web_server.url + path,
            headers={"Accept-Encoding": encodings, "Host": host or "127.0.0.1"},
            timeout=30,
        )
        for method, path, host in (
            ("GET", "/api/v2/calls", ""),
            ("GET", "/api/v1/calls/", ""),
            ("GET", "/api/v1/calls", ""),
            ("DELETE", "/api/docs", ""),
            ("POST", "/api/v1/calls", "evil.example"),
        )
    ]

    assert [(answer.status_code, answer.json()["error"]["code"]) for answer in found] == [
        (404, "not_found"),
        (404, "trailing_slash"),
        (405, "method_not_allowed"),
        (405, "method_not_allowed"),
        (400, "unknown_host"),
    ]
    assert {answer.headers["Content-Type"] for answer in found} == {"application/json"}
