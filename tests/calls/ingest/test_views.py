"""`POST /api/v1/calls`: what is accepted, what is refused, and that a refusal stores nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest.error_codes import doc_url
from calls.ingest.new_calls import FEW
from calls.models import Call, Delivery, IngestReceipt
from counters.models import Counter
from tests import factories
from tests.calls.ingest.refusals import OTHER_SECRET, assert_refused
from tests.calls.posting import post_calls

pytestmark = pytest.mark.django_db


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
    assert Delivery.objects.filter(call_id=call.pk).count() == 1


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
            "doc_url": doc_url("missing_field"),
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
        (b'[{"callTime": 1}]', 422, "no_usable_call"),
        (b"[]", 422, "no_usable_call"),
        (b'{"payload": []}', 422, "no_usable_call"),
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
    yesterday = timezone.now() - timedelta(days=1)
    item = factories.v3_record(callTime=f"{yesterday:%Y-%m-%d %H:%M:%S}")
    assert_refused(post_calls(item, source=source, webhook_id="msg_1"), 422, "no_usable_call")

    CallSource.objects.update(time_zone="Europe/Moscow")

    assert post_calls(item, source=source, webhook_id="msg_1").status_code == 202


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch", "options", "head"])
def test_other_methods_are_refused(db: None, method: str) -> None:
    answer = getattr(Client(), method)("/api/v1/calls")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_number_of_statements_of_a_request_is_constant(
    source: CallSource, counter: Counter
) -> None:
    def statements(calls: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            post_calls({"calls": [factories.v3_record() for _call in range(calls)]}, source=source)
        return len(captured)

    statements(1)  # prepares them

    assert statements(1) == statements(FEW) == 6
    assert statements(FEW + 1) == statements(100) == 8


@pytest.mark.contract("D6")
def test_no_phone_number_reaches_the_log(
    source: CallSource, caplog: pytest.LogCaptureFixture
) -> None:
    item = factories.v3_record(clientNumber="79031112233", duration="x")

    post_calls({"calls": [item]}, source=source)
    post_calls(item, source=source, secret=OTHER_SECRET)

    assert caplog.records
    assert "9031112233" not in caplog.text


def test_calls_that_php_wrote_as_an_object_are_a_list(source: CallSource) -> None:
    first, second = factories.v3_record(), factories.v3_record()

    answer = post_calls({"calls": {"2": second, "0": first}}, source=source)

    assert [one["universalId"] for one in answer.json()["results"]] == [
        first["universalId"],
        second["universalId"],
    ]
    assert Call.objects.count() == 2
