from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
import requests
import responses

from callkeeper_metrika.logging_settings import logging_settings
from calls.callkeeper.client import CallsApi
from calls.callkeeper.config import ApiConfig
from calls.callkeeper.errors import (
    CallKeeperError,
    Refused,
    TooManyRequests,
    UnexpectedAnswer,
    Unreachable,
    WrongKey,
)
from tests.integrations.yandex.line import answers, line, stays_silent
from tests.paths import PAYLOADS

URL = "https://ckct.example/api/"
KEY = "x9xx99xx99xxxx99"  # the sample of the documentation
SINCE = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
UNTIL = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ADDRESS = f"{URL}?json/v3/{KEY}/call/get/0/1795428000/1795435200"
CALL = {"universalId": "1", "callTime": "2026-11-23 13:00:00"}
HTML = "<html><h1>502 Bad Gateway</h1></html>"


def failure(error: str) -> dict[str, Any]:
    return {"inbound": {"error": error}, "info": {"versions": ["v1"]}, "payload": []}


def page(number: int = 0, *, key: str = KEY, **limits: Any) -> list[Any]:
    api = CallsApi(ApiConfig(URL, **limits), key)
    return api.page(number, since=SINCE, until=UNTIL).records


def error_of(**answer: Any) -> CallKeeperError:
    """Return the error of an answer; check that the key is nowhere in it."""
    responses.get(URL, **answer)
    with pytest.raises(CallKeeperError) as caught:
        page()
    written = "".join(traceback.format_exception(caught.value))
    assert KEY not in written
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


@responses.activate
def test_one_get_asks_for_a_page_of_a_period_in_unix_seconds() -> None:
    responses.get(URL, json=[CALL])

    assert page() == [CALL]

    (sent,) = responses.calls
    assert sent.request.url == ADDRESS
    assert sent.request.headers["User-Agent"].startswith("CallKeeper-Metrika/")
    assert sent.request.req_kwargs["timeout"] == (5, 60)  # type: ignore[attr-defined]


@responses.activate
@pytest.mark.parametrize(
    "answer",
    [
        [CALL, {"universalId": "2"}],
        {"0": CALL, "7": {"universalId": "2"}},
        {"inbound": {}, "payload": [CALL, {"universalId": "2"}]},
        {"payload": {"3": CALL, "12": {"universalId": "2"}}},
    ],
    ids=["list", "list with gaps", "payload", "payload with gaps"],
)
def test_calls_are_read_from_every_shape(answer: Any) -> None:
    responses.get(URL, json=answer)

    assert page() == [CALL, {"universalId": "2"}]


@responses.activate
def test_published_answers_are_read() -> None:
    for name, count in (("v3-calls.json", 1), ("v3-no-rows.json", 0)):
        responses.get(URL, body=(PAYLOADS / "callkeeper" / name).read_bytes())
        assert len(page()) == count
        responses.reset()


@responses.activate
@pytest.mark.parametrize(
    ("number", "body"),
    [
        (0, []),
        (0, failure("No rows found")),
        (3, failure("No rows found")),
        (3, failure("Incorrect page is set")),
    ],
)
def test_a_page_without_calls_comes_after_the_last(number: int, body: Any) -> None:
    responses.get(URL, json=body)

    got = CallsApi(ApiConfig(URL), KEY).page(number, since=SINCE, until=UNTIL)

    assert got.records == []
    assert got.is_after_last


@responses.activate
@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ({"json": failure("User is not recognized")}, WrongKey, "User is not recognized"),
        ({"json": failure("Incorrect page is set")}, Refused, "Incorrect page is set"),
        ({"json": failure(f"No  {KEY}\nhere"), "status": 403}, Refused, "No [key] here"),
        ({"json": failure("x" * 500)}, Refused, "x" * 200),
        ({"body": HTML, "status": 502}, Unreachable, ""),
        ({"body": HTML, "status": 200}, Unreachable, ""),
        ({"json": [CALL], "status": 500}, Unreachable, ""),
        ({"body": b'[{"universalId": "1"', "status": 200}, Unreachable, ""),
        ({"body": HTML, "status": 404}, Refused, ""),
        ({"json": {"calls": "soon"}}, UnexpectedAnswer, ""),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, UnexpectedAnswer, ""),
        ({"body": requests.ConnectionError(ADDRESS)}, Unreachable, ""),
        ({"body": requests.ReadTimeout(ADDRESS)}, Unreachable, ""),
    ],
)
def test_everything_else_is_an_error_without_the_key(
    answer: dict[str, Any], kind: type[CallKeeperError], said: str
) -> None:
    error = error_of(**answer)

    assert type(error) is kind
    assert error.text == said
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "120"}, 120),
        (
            {
                "Retry-After": format_datetime(UNTIL, usegmt=True),
                "Date": format_datetime(SINCE, usegmt=True),
            },
            7200,
        ),
        ({}, None),
    ],
)
def test_too_many_requests_say_how_long_to_wait(
    headers: dict[str, str], seconds: float | None
) -> None:
    error = error_of(status=429, headers=headers)

    assert isinstance(error, TooManyRequests)
    assert error.retry_after == seconds


@responses.activate
def test_a_too_large_answer_is_not_read_to_its_end() -> None:
    responses.get(URL, json=[CALL] * 100)

    with pytest.raises(UnexpectedAnswer, match="over 1000 bytes"):
        page(max_bytes=1000)


@responses.activate
@pytest.mark.parametrize("key", ["", "a key", "../../admin", "ключ", "x" * 101])
def test_a_text_that_can_be_no_key_is_not_sent(key: str) -> None:
    with pytest.raises(WrongKey):
        page(key=key)

    assert len(responses.calls) == 0


def test_a_silent_server_is_given_up() -> None:
    with line(stays_silent) as server:
        api = CallsApi(ApiConfig(server.url, read_timeout=0.2), KEY)
        with pytest.raises(Unreachable):
            api.page(0, since=SINCE, until=UNTIL)


def test_no_log_of_a_real_request_has_the_key(caplog: pytest.LogCaptureFixture) -> None:
    level = logging_settings("DEBUG")["loggers"]["urllib3"]["level"]
    caplog.set_level(logging.DEBUG)
    caplog.set_level(level, "urllib3")

    with line(answers(json.dumps([CALL]).encode())) as server:
        CallsApi(ApiConfig(server.url), KEY).page(0, since=SINCE, until=UNTIL)

    assert KEY not in caplog.text


@pytest.mark.parametrize("url", ["http://ckct.example/api/", "ftp://x/", "https://a@b/", ""])
def test_a_key_never_travels_in_plain_text_to_a_public_host(url: str) -> None:
    with pytest.raises(ValueError, match="CALLKEEPER_API_URL"):
        ApiConfig(url)
