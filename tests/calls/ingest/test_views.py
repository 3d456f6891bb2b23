"""`POST /api/v1/calls`: what is accepted, what is refused, and that a refusal stores nothing."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from cabinets import rate_limit
from cabinets.models import Cabinet, CallSource, SigningSecret
from cabinets.sources import retire_old_secret, rotate_secret
from calls.models import Call, CallKey, Delivery, IngestReceipt
from counters.models import Counter
from tests import factories
from tests.calls.posting import new_webhook_id, post_body, post_calls, signed_headers

pytestmark = pytest.mark.django_db
OTHER_SECRET = "whsec_cm90YXRlZC1zZWNyZXQtb2YtMjQtYnl0ZXM="


def assert_nothing_stored() -> None:
    assert CallKey.objects.count() == Call.objects.count() == Delivery.objects.count() == 0
    assert IngestReceipt.objects.count() == 0


def assert_refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert answer.json()["error"]["message"]
    assert_nothing_stored()


def test_one_call_is_created(source: CallSource, counter: Counter) -> None:
    item = factories.v3_record()

    answer = post_calls(item, source=source)

    call = Call.objects.get()
    assert answer.status_code == 202
    assert answer.json() == {
        "results": [
            {
                "index": 0,
                "universalId": item["universalId"],
                "status": "created",
                "call_id": call.pk,
            }
        ],
        "duplicate": False,
    }
    assert Delivery.objects.filter(call_id=call.pk).count() == 2


def test_list_gets_a_result_per_record(source: CallSource) -> None:
    known = factories.v3_record()
    post_calls(known, source=source)
    items = [known, known | {"tags": []}, {"universalId": "7"}, 5, factories.v3_record()]

    answer = post_calls({"calls": items}, source=source)

    results = answer.json()["results"]
    assert answer.status_code == 202
    assert [result["status"] for result in results] == [
        "duplicate", "updated", "rejected", "rejected", "created",
    ]  # fmt: skip
    assert [result["index"] for result in results] == [0, 1, 2, 3, 4]
    assert results[2] == {
        "index": 2,
        "universalId": "7",
        "status": "rejected",
        "error": {
            "code": "missing_field",
            "message": "Нет времени начала звонка.",
            "field": "callTime",
        },
    }
    assert results[3]["universalId"] is None
    assert not answer.json()["duplicate"]
    assert Call.objects.count() == 2


@pytest.mark.contract("D3")
def test_repeated_delivery_gets_the_stored_answer(source: CallSource) -> None:
    items = {"calls": [factories.v3_record(), {"universalId": "7"}]}
    first = post_calls(items, source=source, webhook_id="msg_once")

    again = post_calls(items, source=source, webhook_id="msg_once")

    assert again.status_code == 202
    assert again.json() == first.json() | {"duplicate": True}
    assert again.json()["results"][0]["status"] == "created"
    assert Call.objects.get().revision == 1
    assert IngestReceipt.objects.count() == 1


def test_same_call_in_another_delivery_is_a_duplicate(source: CallSource) -> None:
    item = factories.v3_record()
    first = post_calls(item, source=source)

    again = post_calls(item, source=source)

    assert again.json() == {
        "results": [first.json()["results"][0] | {"status": "duplicate"}],
        "duplicate": True,
    }
    assert Call.objects.count() == 1


def test_webhook_id_with_another_body_is_refused(source: CallSource) -> None:
    item = factories.v3_record()
    post_calls(item, source=source, webhook_id="msg_once")

    answer = post_calls(item | {"tags": ["иной"]}, source=source, webhook_id="msg_once")

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "webhook_id_reused")
    assert Call.objects.get().tags == ["Целевой", "Балкон"]
    assert IngestReceipt.objects.count() == 1


def test_webhook_id_belongs_to_its_source(source: CallSource) -> None:
    cabinet = factories.make_cabinet(name="Клиника Урал")
    other = factories.make_source(cabinet=cabinet, secret=OTHER_SECRET)
    item = factories.v3_record()

    first = post_calls(item, source=source, webhook_id="msg_once")
    second = post_calls(item, source=other, webhook_id="msg_once", secret=OTHER_SECRET)

    assert [first.json()["duplicate"], second.json()["duplicate"]] == [False, False]
    assert Call.objects.filter(cabinet=cabinet).count() == 1


def test_source_is_given_in_the_query(source: CallSource) -> None:
    body = json.dumps(factories.v3_record()).encode()
    factories.make_source(cabinet=source.cabinet, secret=OTHER_SECRET)

    answer = post_body(
        body,
        headers=signed_headers(body, webhook_id=new_webhook_id()),
        path=f"/api/v1/calls?source={source.public_id}",
    )

    assert answer.status_code == 202
    assert Call.objects.get().source_id == source.pk


def test_source_without_an_id_is_found_by_its_signature(source: CallSource) -> None:
    factories.make_source(cabinet=factories.make_cabinet(name="Другой"), secret=OTHER_SECRET)
    body = json.dumps(factories.v3_record()).encode()

    answer = post_body(body, headers=signed_headers(body, webhook_id=new_webhook_id()))

    assert answer.status_code == 202
    assert Call.objects.get().cabinet_id == source.cabinet_id


@pytest.mark.parametrize(("others", "status"), [(19, 202), (20, 401)])
def test_source_id_is_required_above_twenty_active_sources(
    source: CallSource, others: int, status: int
) -> None:
    for _number in range(others):
        factories.make_source(cabinet=source.cabinet, secret=OTHER_SECRET)
    factories.make_source(cabinet=source.cabinet, secret=OTHER_SECRET, is_active=False)
    body = json.dumps(factories.v3_record()).encode()

    answer = post_body(body, headers=signed_headers(body, webhook_id=new_webhook_id()))

    assert answer.status_code == status
    assert Call.objects.count() == (1 if status == 202 else 0)


@pytest.mark.parametrize("name", ["src_unknown", "src_\x00", "я" * 300])
def test_unknown_source_is_refused(source: CallSource, name: str) -> None:
    body = json.dumps(factories.v3_record()).encode()

    answer = Client().post(
        "/api/v1/calls",
        body,
        content_type="application/json",
        query_params={"source": name},
        headers=signed_headers(body, webhook_id=new_webhook_id()),
    )

    assert_refused(answer, 401, "unknown_source")


def test_inactive_source_is_refused(source: CallSource) -> None:
    CallSource.objects.update(is_active=False)

    assert_refused(post_calls(factories.v3_record(), source=source), 401, "unknown_source")


def test_wrong_signature_is_refused_before_anything_is_parsed(source: CallSource) -> None:
    answer = post_calls(b"not json at all", source=source, secret=OTHER_SECRET)

    assert_refused(answer, 401, "bad_signature")
    assert answer.headers["WWW-Authenticate"] == 'Webhook-Signature realm="calls"'


def test_secret_of_another_source_is_refused(source: CallSource) -> None:
    factories.make_source(cabinet=factories.make_cabinet(name="Другой"), secret=OTHER_SECRET)

    answer = post_calls(factories.v3_record(), source=source, secret=OTHER_SECRET)

    assert_refused(answer, 401, "bad_signature")


@pytest.mark.parametrize("age", [timedelta(seconds=302), timedelta(seconds=-302)])
def test_old_or_early_timestamp_is_refused(source: CallSource, age: timedelta) -> None:
    answer = post_calls(factories.v3_record(), source=source, age=age)

    assert_refused(answer, 401, "stale_timestamp")


def test_unsigned_request_is_refused(source: CallSource) -> None:
    answer = post_body(b"{}", headers={"X-CallKeeper-Source": source.public_id})

    assert_refused(answer, 401, "missing_headers")


def test_both_secrets_work_during_a_rotation(source: CallSource) -> None:
    new = str(rotate_secret(source=source))

    assert post_calls(factories.v3_record(), source=source).status_code == 202
    assert post_calls(factories.v3_record(), source=source, secret=new).status_code == 202

    retire_old_secret(source=source)

    assert post_calls(factories.v3_record(), source=source).status_code == 401
    assert post_calls(factories.v3_record(), source=source, secret=new).status_code == 202


def test_source_without_a_secret_is_refused(source: CallSource) -> None:
    SigningSecret.objects.all().delete()

    assert_refused(post_calls(factories.v3_record(), source=source), 401, "unknown_source")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b" ", 400, "malformed_json"),
        (b'{"callTime": 1', 400, "malformed_json"),
        (b'{"callTime": NaN}', 400, "malformed_json"),
        (b'{"callTime": 1795418400, "price": Infinity}', 400, "malformed_json"),
        (b'{"callTime": 1795418400, "price": -Infinity}', 400, "malformed_json"),
        (b'{"price": 1e999}', 422, "no_usable_call"),
        (b"[" * 5000 + b"]" * 5000, 400, "malformed_json"),
        (b'[{"callTime": 1}]', 400, "wrong_shape"),
        (b'"text"', 400, "wrong_shape"),
        (b'{"calls": {"callTime": 1}}', 400, "wrong_shape"),
        (b'{"calls": []}', 422, "no_usable_call"),
        (b'{"calls": [{}, 5]}', 422, "no_usable_call"),
        (b"{}", 422, "no_usable_call"),
    ],
)
def test_body_without_a_usable_call_is_refused(
    source: CallSource, body: bytes, status: int, code: str
) -> None:
    assert_refused(post_calls(body, source=source), status, code)


def test_refused_request_has_a_result_per_record(source: CallSource) -> None:
    answer = post_calls({"calls": [{"universalId": "7"}, 5]}, source=source)

    assert answer.status_code == 422
    assert [
        (result["index"], result["universalId"], result["status"], result["error"]["code"])
        for result in answer.json()["results"]
    ] == [(0, "7", "rejected", "missing_field"), (1, None, "rejected", "not_an_object")]


def test_refused_request_is_processed_again_when_repeated(source: CallSource) -> None:
    CallSource.objects.update(time_zone="")
    item = factories.v3_record(callTime="2026-11-20 10:20:30")
    assert_refused(post_calls(item, source=source, webhook_id="msg_1"), 422, "no_usable_call")

    CallSource.objects.update(time_zone="Europe/Moscow")

    assert post_calls(item, source=source, webhook_id="msg_1").status_code == 202


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


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "options", "head"])
def test_other_methods_are_refused(db: None, method: str) -> None:
    answer = getattr(Client(), method)("/api/v1/calls")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_sender_needs_no_csrf_token_and_no_login(source: CallSource) -> None:
    body = json.dumps(factories.v3_record()).encode()

    answer = Client(enforce_csrf_checks=True).post(
        "/api/v1/calls",
        body,
        content_type="application/json",
        headers=signed_headers(body, webhook_id=new_webhook_id()),
    )

    assert answer.status_code == 202
    assert not answer.cookies


@pytest.mark.contract("A9")
def test_calls_per_minute_of_a_source_are_limited(
    source: CallSource, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limit, "_paused_until", 0.0)
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


def test_time_of_last_use_is_stored(source: CallSource) -> None:
    post_calls(factories.v3_record(), source=source)

    source.refresh_from_db()
    assert source.last_used_at is not None
    assert timezone.now() - source.last_used_at < timedelta(minutes=1)


def test_refused_request_is_not_a_use(source: CallSource) -> None:
    post_calls(factories.v3_record(), source=source, secret=OTHER_SECRET)

    source.refresh_from_db()
    assert source.last_used_at is None


def test_number_of_statements_of_a_request_is_constant(
    source: CallSource, counter: Counter
) -> None:
    post_calls(factories.v3_record(), source=source)

    with CaptureQueriesContext(connection) as one:
        post_calls(factories.v3_record(), source=source)
    with CaptureQueriesContext(connection) as many:
        post_calls({"calls": [factories.v3_record() for _number in range(100)]}, source=source)

    assert len(one) == len(many)


@pytest.mark.contract("D6")
def test_no_phone_number_reaches_the_log(
    source: CallSource, caplog: pytest.LogCaptureFixture
) -> None:
    item = factories.v3_record(clientNumber="79031112233", duration="x")

    post_calls({"calls": [item]}, source=source)
    post_calls(item, source=source, secret=OTHER_SECRET)

    assert caplog.records
    assert "9031112233" not in caplog.text


def test_calls_are_stored_in_the_cabinet_of_their_source(
    source: CallSource, cabinet: Cabinet
) -> None:
    factories.make_source(cabinet=factories.make_cabinet(name="Другой"), secret=OTHER_SECRET)

    post_calls(factories.v3_record(cabinet="Другой", cabinet_id=1), source=source)

    assert list(Call.objects.values_list("cabinet_id", flat=True)) == [cabinet.pk]
