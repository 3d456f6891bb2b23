"""Redaction of logs: no token, secret or whole phone; ids that support searches for stay."""

from __future__ import annotations

import logging
import sys

import pytest

from callkeeper_metrika.redaction import RedactingFilter, redact

TOKEN = "y0_AgAAAABsecretsecretsecretsecretsecret"
REFRESH = "1:abcdefgh:ijklmnop:qrstuvwx"
SECRET = "0f8fad5bd9cb469fa16570867728950e"


@pytest.mark.parametrize("secret", [TOKEN, REFRESH, SECRET, "7654321", "short"])
@pytest.mark.parametrize(
    "name",
    ["access_token", "refresh_token", "client_secret", "code_verifier", "code", "oauth_token"],
)
@pytest.mark.parametrize(
    "form",
    [
        "{name}={secret}",
        "POST /token?grant_type=x&{name}={secret}&device_id=1",
        "asked with {name}={secret} just now",
        '{{"{name}": "{secret}", "expires_in": 31536000}}',
        '{{"{name}":"{secret}"}}',
        "{{'{name}': '{secret}', 'a': 1}}",
        "{{'{name}': b'{secret}'}}",
        "[('{name}', '{secret}')]",
        '"{{\\"{name}\\": \\"{secret}\\"}}"',
        "/accounts/login/?next=/callback%3Fa%3D1%26{name}%3D{secret}",
        "/accounts/login/?next=/callback%3F{name}%3D{secret}",
        "{name}: {secret}",
        "{name} = '{secret}'",
    ],
)
def test_named_secret_is_hidden_in_every_form(form: str, name: str, secret: str) -> None:
    line = form.format(name=name, secret=secret)

    assert secret not in redact(line)
    assert "[скрыто]" in redact(line)


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: OAuth {TOKEN}",
        f"authorization: bearer {SECRET}",
        f"Authorization: Basic {SECRET}",
        f"token {TOKEN}",
        f"token {REFRESH}",
        f"whsec_{SECRET}",
        f"GET /callback?state={SECRET}",
        f"Not Found: /api/v1/hooks/{SECRET}",
        f"Too Many Requests: /accounts/invitation/{SECRET}/",
        f"HTTPSConnectionPool: url: /bot123456:{SECRET}/sendMessage",
        f"Max retries exceeded with url: /api/?json/v3/{SECRET}/call/get/0/1/2",
    ],
)
def test_secret_is_recognised_by_its_prefix_or_header(line: str) -> None:
    assert "secretsecret" not in redact(line)
    assert "abcdefgh" not in redact(line)
    assert SECRET not in redact(line)


@pytest.mark.parametrize(
    ("written", "masked"),
    [
        ("+7 916 123-45-67", "7***67"),
        ("+79161234567", "7***67"),
        ("+7(916)123-45-67", "7***67"),
        ("+7 (916) 123 45 67", "7***67"),
        ("+7-916-123-45-67", "7***67"),
        ("+7.916.123.45.67", "7***67"),
        ("+7\N{NO-BREAK SPACE}916\N{NO-BREAK SPACE}123-45-67", "7***67"),
        ("8 (916) 123-45-67", "8***67"),
        ("8-916-123-45-67", "8***67"),
        ("8 916 123 45 67", "8***67"),
        ("79161234567", "7***67"),
        ("(495) 123-45-67", "4***67"),
        ("916 123 45 67", "9***67"),
        ("9161234567", "9***67"),
        ("+375 29 123-45-67", "3***67"),
        ("+1 (415) 555-2671", "1***71"),
        ("1718031415926535897", "1***97"),
        ("%2B79161234567", "7***67"),
        ("%2B7%20916%20123-45-67", "7***67"),
        ("%2b7%20%28916%29%20123-45-67", "7***67"),
        ("916.123.45.67", "9***67"),
        ("8.916.123.45.67", "8***67"),
    ],
)
@pytest.mark.parametrize("line", ["{}", "call from {}.", "phone={}, counter 91234567", '"{}"'])
def test_phone_is_masked_except_its_ends(line: str, written: str, masked: str) -> None:
    assert redact(line.format(written)) == line.format(masked)


@pytest.mark.parametrize("line", ["phone_{}", "{}_was", "phone_{}_was called"])
def test_phone_in_an_identifier_is_masked_except_its_ends(line: str) -> None:
    assert redact(line.format("79161234567")) == line.format("7***67")


@pytest.mark.parametrize("name", ["sessionid", "csrftoken", "csrfmiddlewaretoken"])
@pytest.mark.parametrize(
    "form", ["Cookie: a=1; {}={}; b=2", "{{'{}': '{}'}}", '{{"{}": "{}"}}', "POST a=1&{}={}&b=2"]
)
def test_session_and_csrf_cookies_are_hidden(form: str, name: str) -> None:
    line = redact(form.format(name, "k3y0fth3br0ws3r"))

    assert "k3y0fth3br0ws3r" not in line
    assert name in line


def test_development_server_logs_through_the_filter(capsys: pytest.CaptureFixture[str]) -> None:
    for handler in logging.getLogger("django.server").handlers:
        record = record_of('"GET /callback?code=%s HTTP/1.1" 303', "7654321")
        if handler.filter(record):
            sys.stderr.write(handler.format(record))

    assert "GET /callback?code=[скрыто] HTTP/1.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "line",
    [
        "counter 91234567 is gone",
        "counters 91234567 91234568 91234601",
        "counters [91234567, 91234568, 101234567]",
        "upload 184467 was sent in 12.345678901234 s",
        "work has been due since 2026-11-23T10:20:30+00:00",
        "2026-11-23 10:20:30,123 INFO calls 5 of 20000",
        "from 2026-11-23 to 2026-11-24",
        "reset at 1795418400.123456",
        "HTTP 403, access_denied, request 7f1c2d3e-1122-3344-5566-77889900aabb",
        "marker ck20261123x7h3k9 of delivery 12345678",
        "upload took 123.4567890 s",
        "192.168.10.12 GET /healthz",
        "127.0.0.1:8000 GET /lk/integrations 200",
        "Decision codes: source_off, too_short",
    ],
)
def test_ids_dates_and_addresses_stay_readable(line: str) -> None:
    assert redact(line) == line


def record_of(message: object, *args: object) -> logging.LogRecord:
    return logging.LogRecord("calls", logging.INFO, __file__, 1, message, args, None)


def test_filter_covers_arguments_traceback_and_stack() -> None:
    record = record_of("asked with %s for %s", {"access_token": SECRET}, "+7 916 123-45-67")
    try:
        raise ValueError(f"code_verifier={SECRET}")
    except ValueError as problem:
        record.exc_info = (ValueError, problem, problem.__traceback__)
    record.stack_info = f"in ask(client_secret='{SECRET}')"

    assert RedactingFilter().filter(record)

    written = logging.Formatter().format(record)
    assert written.startswith("asked with {'access_token': '[скрыто]'} for 7***67")
    assert SECRET not in written
    assert "ValueError: code_verifier=[скрыто]" in written


def test_wrong_log_format_raises_nothing() -> None:
    record = record_of("%d calls", "+79161234567")

    assert RedactingFilter().filter(record)

    assert record.getMessage() == "%d calls ('7***67',)"
