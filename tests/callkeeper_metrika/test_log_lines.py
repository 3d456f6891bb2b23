"""One event is one line of the log, and a refused request is one warning without a traceback."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string

from callkeeper_metrika.log_lines import escaped

#: What starts a line or moves the cursor: C0, DEL, C1, separators, reversed text, a half pair.
CONTROLS = [
    *(chr(code) for code in range(32) if chr(code) != "\t"),
    *(chr(code) for code in range(0x7F, 0xA0)),
    *"\u2028\u2029\u202e\u200f\u2066\ud800\udfff",
]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The text that the handler of the settings writes."""
    written = io.StringIO()
    stream = logging.StreamHandler(written)
    config = settings.LOGGING["handlers"]["console"]
    stream.setFormatter(logging.Formatter(settings.LOGGING["formatters"]["line"]["format"]))
    for name in config["filters"]:
        stream.addFilter(import_string(settings.LOGGING["filters"][name]["()"])())
    root = logging.getLogger()
    root.addHandler(stream)
    yield written
    root.removeHandler(stream)


def lines(log: io.StringIO) -> list[str]:
    return log.getvalue().splitlines()


@pytest.mark.parametrize("control", CONTROLS, ids=ascii)
def test_control_character_starts_no_line(log: io.StringIO, control: str) -> None:
    logging.getLogger("calls").warning("source %s", f"a{control}2026-11-28 ERROR b")

    (line,) = lines(log)
    assert control not in line
    assert line.endswith(f"WARNING calls source a{ascii(control)[1:-1]}2026-11-28 ERROR b")


def test_ordinary_text_stays() -> None:
    text = "звонок «Ёлка»\t1 %s \\n"

    assert escaped(text) == text


def test_traceback_has_no_line_that_looks_like_an_event(log: io.StringIO) -> None:
    try:
        raise ValueError("bad\n2026-11-28 10:00:00,000 ERROR calls forged\x1b[2J")
    except ValueError:
        logging.getLogger("calls").exception("passed over")

    event, *rest = lines(log)
    assert event.endswith("ERROR calls passed over")
    assert len(rest) >= 3
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in log.getvalue()


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/lk/nothing?phone=secret", 404, "WARNING django.request Not Found: /lk/nothing"),
        ("/admin/calls/call/?phone__startswith=secret", 400, "WARNING django.security.Disallowed"),
    ],
)
def test_refused_request_is_one_line(
    log: io.StringIO, admin_client: Client, path: str, status: int, words: str
) -> None:
    answer = admin_client.get(path)

    assert answer.status_code == status
    (line,) = lines(log)
    assert words in line
    assert "secret" not in line


def test_forbidden_page_is_one_line(log: io.StringIO, viewer_client: Client) -> None:
    answer = viewer_client.get("/lk/integrations/sources/add?name=secret")

    assert answer.status_code == 403
    (line,) = lines(log)
    assert line.endswith(
        "WARNING django.request Forbidden (Permission denied): /lk/integrations/sources/add"
    )


def test_unknown_host_is_one_line(log: io.StringIO, client: Client) -> None:
    answer = client.get("/lk/integrations?name=secret", headers={"host": "evil.example"})

    assert answer.status_code == 400
    (line,) = lines(log)
    assert "WARNING django.security.DisallowedHost" in line
    assert "secret" not in line


def test_missing_token_is_one_line(log: io.StringIO, db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/?next=secret", {})

    assert answer.status_code == 403
    (line,) = lines(log)
    assert "WARNING django.security.csrf Forbidden (CSRF cookie not set.): " in line
    assert line.endswith("/accounts/login/")
