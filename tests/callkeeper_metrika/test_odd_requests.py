"""Odd bytes in any part of a request: 400 or an ordinary answer, never an error of the server."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client

from cabinets.models import CallSource
from callkeeper_metrika.wsgi import application
from calls.models import Call
from tests import factories
from tests.calls.ingest.refusals import assert_nothing_stored, assert_refused
from tests.calls.posting import new_webhook_id, post_body, signed_headers

pytestmark = pytest.mark.django_db
FORM = "application/x-www-form-urlencoded"
#: Codecs of Python that are no encodings of text, encodings no client needs, and no codec at all.
BAD_CHARSETS = (
    "base64", "hex", "rot13", "zip", "idna", "punycode", "undefined", "unicode_escape", "utf-7",
    "utf-16", "utf-32", "nonsense", "", "x" * 5000,
)  # fmt: skip
TARGETS = (
    ("GET", "/healthz"),
    ("GET", "/static/css/base.css"),
    ("GET", "/lk/integrations"),
    ("GET", "/lk/integrations/yandex/callback"),
    ("GET", "/accounts/login/"),
    ("POST", "/accounts/login/"),
    ("POST", "/accounts/password/forgotten/"),
    ("GET", "/admin/calls/call/"),
    ("POST", "/admin/login/"),
    ("GET", "/api/docs"),
    ("POST", "/api/v1/calls"),
)
NUL = "\x00"
#: WSGI gives header and path bytes as Latin-1.
NOT_UTF8 = b"\xff\xfe\xed\xa0\x80".decode("latin-1")
ODDITIES: dict[str, dict[str, Any]] = {
    "NUL in the path": {"PATH_INFO": f"/lk/{NUL}"},
    "NUL in the query": {"QUERY_STRING": "q=%00&source=%00&code=%00&state=%00&next=%00"},
    "raw NUL in the query": {"QUERY_STRING": f"q={NUL}"},
    "NUL in a cookie": {"HTTP_COOKIE": r'sessionid="a\000b"; csrftoken="\000"; messages="\000"'},
    "NUL in a header": {"HTTP_X_CALLKEEPER_SOURCE": NUL, "HTTP_USER_AGENT": NUL},
    "NUL in a form": {"CONTENT_TYPE": FORM, "body": b"username=a%00b&password=%00&email=%00"},
    "raw NUL in a form": {"CONTENT_TYPE": FORM, "body": b"username=a\x00b&password=c"},
    "NUL in a multipart form": {
        "CONTENT_TYPE": "multipart/form-data; boundary=b",
        "body": b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\na\x00\r\n--b--\r\n',
    },
    "multipart without a boundary": {"CONTENT_TYPE": "multipart/form-data", "body": b"x"},
    "multipart with an odd boundary": {
        "CONTENT_TYPE": f"multipart/form-data; boundary={NOT_UTF8}",
        "body": b"x",
    },
    "parameter in an unknown encoding": {"CONTENT_TYPE": f"{FORM}; boundary*=nope''x", "body": b""},
    "charset with NUL": {"CONTENT_TYPE": f"{FORM}; charset={NUL}", "body": b""},
    "path not in UTF-8": {"PATH_INFO": f"/lk/{NOT_UTF8}"},
    "query not in UTF-8": {"QUERY_STRING": f"q=%ff%fe%ed%a0%80&next={NOT_UTF8}&x=%zz"},
    "cookie not in UTF-8": {"HTTP_COOKIE": f"sessionid={NOT_UTF8}; {NOT_UTF8}=; =; csrftoken"},
    "form not in UTF-8": {"CONTENT_TYPE": FORM, "body": b"username=%ff%ed%a0%80&password=\xff"},
    "headers not in UTF-8": {
        "HTTP_USER_AGENT": NOT_UTF8,
        "HTTP_ACCEPT_LANGUAGE": NOT_UTF8,
        "HTTP_ACCEPT_ENCODING": NOT_UTF8,
        "HTTP_REFERER": f"http://{NOT_UTF8}/",
        "HTTP_X_FORWARDED_FOR": NOT_UTF8,
        "HTTP_AUTHORIZATION": f"Bearer {NOT_UTF8}",
        "HTTP_X_CALLKEEPER_SOURCE": NOT_UTF8,
        "HTTP_HX_CURRENT_URL": f"http://[{NOT_UTF8}",
        "HTTP_WEBHOOK_ID": NOT_UTF8,
        "HTTP_WEBHOOK_TIMESTAMP": NOT_UTF8,
        "HTTP_WEBHOOK_SIGNATURE": NOT_UTF8,
    },
    "odd dates and ranges": {
        "HTTP_IF_MODIFIED_SINCE": "Mon, 01 Jan 99999 00:00:00 GMT",
        "HTTP_IF_UNMODIFIED_SINCE": "Mon, 99 Foo 2020 99:99:99",
        "HTTP_IF_NONE_MATCH": 'W/"' + NOT_UTF8,
        "HTTP_RANGE": "bytes=5-1,99999999999999999999-",
    },
    "odd lengths": {"CONTENT_LENGTH": "-1", "CONTENT_TYPE": FORM},
    "no length": {"CONTENT_LENGTH": "٣", "CONTENT_TYPE": FORM},
    "odd host": {"HTTP_HOST": f"{NOT_UTF8}:99999"},
    "odd method": {"REQUEST_METHOD": "ПРИВЕТ".encode().decode("latin-1")},
}


@pytest.fixture(autouse=True)
def _connection_of_the_test() -> Iterator[None]:
    """Keep the connection, and so the transaction, of the test, as Django's test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def respond(method: str, path: str, changes: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    """Call the WSGI application as the web server does."""
    body = changes.get("body", b"")
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
    }
    started: list[Any] = []
    given = environ | {name: value for name, value in changes.items() if name != "body"}
    parts = application(given, lambda *words: started.append(words))
    content = b"".join(parts)
    return int(started[0][0].split()[0]), dict(started[0][1]), content


@pytest.mark.parametrize("oddity", ODDITIES)
def test_odd_bytes_are_no_error_of_the_server(oddity: str) -> None:
    answers = {(method, path): respond(method, path, ODDITIES[oddity]) for method, path in TARGETS}

    assert {target: status for target, (status, *_rest) in answers.items() if status >= 500} == {}
    for (_method, path), (status, headers, body) in answers.items():
        if path.startswith("/api/v1") and "PATH_INFO" not in ODDITIES[oddity]:
            assert 400 <= status < 500
            assert headers["Content-Type"] == "application/json"
            assert json.loads(body)["error"]["code"]
    assert_nothing_stored()


@pytest.mark.parametrize("oddity", [name for name in ODDITIES if "NUL" in name])
def test_page_with_a_nul_is_refused_in_words(oddity: str) -> None:
    status, headers, body = respond("POST", "/accounts/login/", ODDITIES[oddity])

    assert (status, headers["Content-Type"]) == (400, "text/html; charset=utf-8")
    assert "Запрос не прочитан" in body.decode()


@pytest.mark.parametrize("charset", BAD_CHARSETS)
def test_unknown_charset_is_refused_everywhere(source: CallSource, charset: str) -> None:
    body = json.dumps(factories.v3_record()).encode()
    headers = signed_headers(body, webhook_id=new_webhook_id())
    named = headers | {"X-CallKeeper-Source": source.public_id}

    posted = post_body(body, headers=named, content_type=f'application/json; charset="{charset}"')
    page = Client().post(
        "/accounts/login/", b"username=a&password=b", content_type=f'{FORM}; charset="{charset}"'
    )

    assert_refused(posted, 400, "unknown_charset")
    assert page.status_code == 400
    assert "Запрос не прочитан" in page.content.decode()


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii", "ISO-8859-1", "windows-1251"])
def test_charsets_of_known_clients_are_accepted(source: CallSource, charset: str) -> None:
    body = json.dumps(factories.v3_record()).encode()
    headers = signed_headers(body, webhook_id=new_webhook_id())

    answer = post_body(
        body,
        headers=headers | {"X-CallKeeper-Source": source.public_id},
        content_type=f"application/json; charset={charset}",
    )

    assert answer.status_code == 202
    assert Call.objects.count() == 1


def test_text_that_looks_like_an_escaped_nul_is_no_nul() -> None:
    status, _headers, _body = respond(
        "POST", "/accounts/login/", {"CONTENT_TYPE": FORM, "body": b"username=%2500&password=x"}
    )

    assert status == 403  # no CSRF token
