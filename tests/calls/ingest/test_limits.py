"""Limits of size and rate, media types, and an unavailable database or Redis."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinets import rate_limit
from cabinets.models import CallSource
from calls.models import Call
from tests import factories
from tests.calls.ingest.refusals import assert_refused
from tests.calls.posting import new_webhook_id, post_body, post_calls, signed_headers
from tests.rate_limits import enforce_rate_limits

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("count", [500, 501])
def test_up_to_500_calls_are_accepted(source: CallSource, count: int) -> None:
    answer = post_calls(
        {"calls": [factories.v3_record() for _number in range(count)]}, source=source
    )

    if count == 500:
        assert answer.status_code == 202
        assert Call.objects.count() == 500
    else:
        assert_refused(answer, 413, "too_many_calls")


@pytest.mark.contract("A9")
@pytest.mark.parametrize("excess", [0, 1])
def test_body_beyond_the_limit_is_refused(
    source: CallSource, settings: Settings, excess: int
) -> None:
    body = json.dumps(factories.v3_record()).encode()
    settings.INGEST_MAX_BYTES = len(body) - excess

    answer = post_calls(body, source=source)

    if excess:
        assert_refused(answer, 413, "body_too_large")
    else:
        assert answer.status_code == 202


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/plain", {}),
        ("application/x-www-form-urlencoded", {}),
        ("application/json", {"Content-Encoding": "gzip"}),
    ],
)
def test_other_media_types_are_refused(
    source: CallSource, content_type: str, encoding: dict[str, str]
) -> None:
    body = json.dumps(factories.v3_record()).encode()
    headers = signed_headers(body, webhook_id=new_webhook_id()) | encoding

    answer = post_body(body, headers=headers, content_type=content_type)

    assert_refused(answer, 415, "unsupported_media_type")


def test_charset_of_the_media_type_is_accepted(source: CallSource) -> None:
    body = json.dumps(factories.v3_record()).encode()
    headers = signed_headers(body, webhook_id=new_webhook_id())

    answer = post_body(body, headers=headers, content_type="application/json; charset=utf-8")

    assert answer.status_code == 202


def test_body_without_a_length_is_refused(source: CallSource) -> None:
    answer = Client().generic(
        "POST", "/api/v1/calls", b"{}", content_type="application/json", CONTENT_LENGTH=""
    )

    assert_refused(answer, 411, "length_required")


def test_length_of_5000_digits_is_refused(source: CallSource) -> None:
    answer = Client().generic(
        "POST", "/api/v1/calls", b"{}", content_type="application/json", CONTENT_LENGTH="9" * 5000
    )

    assert_refused(answer, 413, "body_too_large")


@pytest.mark.contract("A9")
def test_calls_per_minute_of_a_source_are_limited(
    source: CallSource, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce_rate_limits(monkeypatch)
    settings.INGEST_CALLS_PER_MINUTE = 2
    other = factories.make_source(cabinet=source.cabinet)
    three = {"calls": [factories.v3_record() for _number in range(3)]}
    assert post_calls(three, source=source).status_code == 202

    refused = post_calls(factories.v3_record(), source=source)
    other_answer = post_calls(factories.v3_record(), source=other)

    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_requests")
    assert 25 <= int(refused.headers["Retry-After"]) <= 30
    assert other_answer.status_code == 202
    assert Call.objects.count() == 4


@pytest.mark.contract("A5")
def test_calls_are_accepted_without_redis(
    source: CallSource, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "_paused_until", 0.0)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.INGEST_CALLS_PER_MINUTE = 1

    answers = [post_calls(factories.v3_record(), source=source) for _number in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 202]
    assert Call.objects.count() == 3


@pytest.mark.contract("A6")
@pytest.mark.django_db(transaction=True)
def test_unavailable_database_answers_503_with_retry_after(
    source: CallSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = factories.v3_record()
    connection.close()
    with monkeypatch.context() as away:
        away.setitem(connection.settings_dict, "HOST", "127.0.0.1")
        away.setitem(connection.settings_dict, "PORT", "1")
        answer = post_calls(item, source=source)
    connection.close()

    assert_refused(answer, 503, "database_unavailable")
    assert answer.headers["Retry-After"] == "5"
    assert post_calls(item, source=source).status_code == 202


@pytest.mark.contract("A6")
@pytest.mark.django_db(transaction=True)
def test_read_only_database_answers_503_with_retry_after(source: CallSource) -> None:
    item = factories.v3_record()
    CallSource.objects.update(last_used_at=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        answer = post_calls(item, source=source)
        cursor.execute("SET default_transaction_read_only = off")

    assert_refused(answer, 503, "database_unavailable")
    assert answer.headers["Retry-After"] == "5"
