"""Webhooks at a secret address: whatever their form is, one call and one answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db import connection
from django.test import Client
from pytest_django import Settings

from cabinets import sources
from cabinets.models import Cabinet, CallSource
from calls.models import Call, Intake, ReceivedRequest, RejectedRecord
from calls.ways import received
from counters.models import Counter
from tests import factories
from tests.rate_limits import enforce_rate_limits

pytestmark = pytest.mark.django_db
NOW = datetime.fromisoformat("2026-11-29T12:00:00+03:00")
FIELDS = {
    "universalId": "h-1",
    "clientNumber": "79160000001",
    "callTime": "2026-11-29 11:30:00",
    "duration": "65",
    "status": "success",
    "site": "okna-stolica.example",
    "tags": "Целевой",
}


@pytest.fixture(autouse=True)
def now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def hooks(cabinet: Cabinet) -> tuple[CallSource, str]:
    return factories.make_hooks(cabinet=cabinet)


def post(path: str, body: bytes, content_type: str = "") -> Any:
    return Client().generic("POST", path, body, content_type=content_type)


FORM = urlencode(FIELDS).encode()
FORM_1251 = urlencode(FIELDS, encoding="cp1251").encode()
BOUNDARY = "----b"
MULTIPART = (
    "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in FIELDS.items()
    ).encode()
    + f"--{BOUNDARY}--\r\n".encode()
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps(FIELDS).encode(), "application/json"),
        (json.dumps([FIELDS]).encode(), "text/plain"),
        (json.dumps({"calls": [FIELDS]}).encode(), ""),
        (b"\xef\xbb\xbf" + json.dumps(FIELDS, ensure_ascii=False).encode(), ""),
        (json.dumps(FIELDS, ensure_ascii=False).encode("cp1251"), "application/json"),
        (FORM, "application/x-www-form-urlencoded"),
        (FORM, "application/json"),
        (FORM_1251, ""),
        (MULTIPART, f"multipart/form-data; boundary={BOUNDARY}"),
    ],
)
def test_call_in_a_body_of_any_form_is_the_same_call(
    hooks: tuple[CallSource, str], counter: Counter, body: bytes, content_type: str
) -> None:
    source, path = hooks

    answer = post(path, body, content_type)

    call = Call.objects.get()
    assert answer.status_code == 200
    assert answer.json() == {
        "results": [{"index": 0, "universalId": "h-1", "status": "created", "call_id": call.pk}],
        "duplicate": False,
    }
    assert (call.source_id, call.phone, call.duration_seconds) == (source.pk, "+79160000001", 65)
    assert (call.started_at, call.tags) == (
        datetime.fromisoformat("2026-11-29T11:30:00+03:00"),
        ["Целевой"],
    )
    kept = ReceivedRequest.objects.get()
    assert (kept.records, kept.accepted, kept.code) == (1, 1, "")
    assert json.loads(kept.record) == FIELDS
    assert [(one.way, one.received, one.created) for one in Intake.objects.all()] == [
        ("webhook", 1, 1)
    ]


def test_query_of_a_get_is_a_record_and_the_same_again_is_a_duplicate(
    hooks: tuple[CallSource, str],
) -> None:
    _source, path = hooks
    client = Client()

    first, second = client.get(path, FIELDS), client.get(path, FIELDS)

    assert [one.json()["results"][0]["status"] for one in (first, second)] == [
        "created",
        "duplicate",
    ]
    assert Call.objects.count() == 1
    assert ReceivedRequest.objects.filter(method="GET", accepted=1).count() == 2


def test_fields_of_the_query_belong_to_a_record_that_lacks_them(
    hooks: tuple[CallSource, str],
) -> None:
    _source, path = hooks
    post(f"{path}?site=iz-adresa.example&status=fail", json.dumps(FIELDS | {"site": ""}).encode())
    call = Call.objects.get()
    assert (call.status, call.site) == ("success", "")

    less = {name: value for name, value in FIELDS.items() if name != "site"}
    post(f"{path}?site=okna.example", json.dumps(less | {"universalId": "h-2"}).encode())
    assert Call.objects.get(external_id="h-2").site == "okna.example"


def test_rejected_record_is_answered_with_200_and_kept(hooks: tuple[CallSource, str]) -> None:
    source, path = hooks

    answer = post(path, json.dumps(FIELDS | {"callTime": "вчера"}).encode())

    assert answer.status_code == 200
    assert answer.json()["results"][0]["error"]["code"] == "bad_time"
    assert not Call.objects.exists()
    rejected = RejectedRecord.objects.get()
    assert (rejected.source_id, rejected.way, rejected.code) == (source.pk, "webhook", "bad_time")
    assert ReceivedRequest.objects.get().code == "bad_time"
    source.refresh_from_db()
    assert (source.last_rejection, source.last_rejected_records) == ("bad_time", 1)


def test_wrong_and_retired_addresses_are_not_told_apart(
    hooks: tuple[CallSource, str], counter: Counter
) -> None:
    source, path = hooks
    wrong = post(path[:-1], FORM)
    sources.switch_source(source=source, is_active=False)
    off = post(path, FORM)

    assert wrong.status_code == off.status_code == 404
    assert wrong.json() == off.json()
    assert wrong.json()["code"] == "unknown_address"
    assert not ReceivedRequest.objects.exists()
    assert not Call.objects.exists()


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"{", "application/json", 400, "malformed_json"),
        (b"hello", "text/plain", 400, "malformed_json"),
        (b"--x", "multipart/form-data", 400, "malformed_form"),
        (b"&".join(b"a%d=1" % one for one in range(501)), "", 413, "body_too_complex"),
    ],
)
def test_body_that_cannot_be_read_is_refused_and_shown(
    hooks: tuple[CallSource, str], body: bytes, content_type: str, status: int, code: str
) -> None:
    source, path = hooks

    answer = post(path, body, content_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    kept = ReceivedRequest.objects.get()
    assert (kept.code, kept.records, kept.record) == (code, 0, "")
    assert kept.message == answer.json()["detail"]
    source.refresh_from_db()
    assert source.last_refusal == code
    assert not Intake.objects.exists()


def test_too_long_body_is_refused_unread(hooks: tuple[CallSource, str], settings: Settings) -> None:
    settings.WEBHOOK_MAX_BYTES = 100

    answer = post(hooks[1], b'{"a": "' + b"x" * 100 + b'"}')

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert not Call.objects.exists()


def test_empty_request_is_answered_and_shown(hooks: tuple[CallSource, str]) -> None:
    answer = Client().get(hooks[1])

    assert (answer.status_code, answer.json()) == (200, {"results": [], "duplicate": False})
    assert ReceivedRequest.objects.get().code == "no_data"
    assert not Intake.objects.exists()


def test_other_methods_are_refused(hooks: tuple[CallSource, str]) -> None:
    answer = Client().put(hooks[1], b"{}")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


def test_requests_beyond_the_limit_wait(
    hooks: tuple[CallSource, str], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    enforce_rate_limits(monkeypatch)
    settings.WEBHOOKS_PER_MINUTE = 2
    answers = [post(hooks[1], FORM) for _number in range(3)]

    assert [one.status_code for one in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["Retry-After"]) <= 60
    assert ReceivedRequest.objects.count() == 2


def test_only_the_last_requests_of_a_source_are_kept_and_sealed(
    hooks: tuple[CallSource, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "MOST", 2)
    for number in range(4):
        post(hooks[1], json.dumps(FIELDS | {"universalId": f"h-{number}"}).encode())

    ids = [json.loads(one.record)["universalId"] for one in ReceivedRequest.objects.order_by("pk")]
    assert ids == ["h-2", "h-3"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT record FROM calls_receivedrequest")
        assert all(record.startswith("v1:") for (record,) in cursor.fetchall())


def test_two_hooks_of_one_callback_are_one_call(hooks: tuple[CallSource, str]) -> None:
    begun = FIELDS | {"statusFirst": "1", "statusSecond": "0", "status": "fail", "duration": "0"}
    over = FIELDS | {"statusFirst": "200", "statusSecond": "200"}
    post(hooks[1], json.dumps(begun).encode())
    assert not Call.objects.get().is_finished

    answer = post(hooks[1], json.dumps(over).encode())

    assert answer.json()["results"][0]["status"] == "updated"
    call = Call.objects.get()
    assert (call.is_finished, call.status, call.duration_seconds) == (True, "success", 65)


def test_record_that_is_nested_too_deep_is_rejected_and_loses_no_other(
    hooks: tuple[CallSource, str],
) -> None:
    deep = '{"a":' * 150 + "1" + "}" * 150

    answer = post(hooks[1], f"[{deep},{json.dumps(FIELDS)}]".encode(), "application/json")

    assert answer.status_code == 200
    assert [one["status"] for one in answer.json()["results"]] == ["rejected", "created"]
    assert RejectedRecord.objects.get().raw == ""
    kept = ReceivedRequest.objects.get()
    assert (kept.record, kept.records, kept.accepted) == ("", 2, 1)
