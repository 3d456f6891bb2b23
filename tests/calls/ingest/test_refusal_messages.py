"""A refused request names its own mistake: which header, what came, what is wanted."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from cabinets.models import CallSource
from calls.ingest.content import items_of
from calls.ingest.errors import ApiError
from calls.models import Call
from tests import factories
from tests.calls.ingest.refusals import assert_nothing_stored, assert_refused
from tests.calls.posting import new_webhook_id, post_body, signed_headers

pytestmark = pytest.mark.django_db
NOW = 1_795_418_430
AT = datetime.fromtimestamp(NOW, UTC)
Headers = dict[str, str]


def refuse(source: CallSource, change: Callable[[Headers], Headers], **signing: Any) -> str:
    """Post a signed call with changed headers; return the code and the message."""
    body = json.dumps(factories.v3_record()).encode()
    headers = signed_headers(body, webhook_id="msg_1", **signing)
    headers["X-CallKeeper-Source"] = source.public_id
    answer = post_body(body, headers=change(headers))
    assert_nothing_stored()
    assert answer.status_code == 401
    error = answer.json()["error"]
    return f"{error['code']}: {error['message']}"


@time_machine.travel(AT, tick=False)
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (f"{NOW}123", "миллисекунды"),
        (f"{NOW}.5", "число с дробной частью"),
        (f"{NOW},5", "число с дробной частью"),
        ("2026-11-23T10:20:30Z", "не целое число"),
        ("2026-11-23T10:20:30+03:00", "не целое число"),
        (f"-{NOW}", "не целое число"),
        (f"{NOW}123456", "не секунды: цифр слишком много"),
    ],
)
def test_timestamp_that_is_not_whole_seconds_is_named(
    source: CallSource, given: str, kind: str
) -> None:
    said = refuse(source, lambda headers: headers | {"webhook-timestamp": given})

    assert said == (
        f"bad_timestamp: webhook-timestamp «{given}» — {kind}."
        f" Нужны целые секунды Unix, десять цифр: сейчас {NOW}."
    )


@time_machine.travel(AT, tick=False)
@pytest.mark.parametrize(
    ("age", "skew"),
    [
        (timedelta(hours=3), "отстаёт от нашего времени на 10800 с"),
        (timedelta(hours=-3), "опережает наше время на 10800 с"),
    ],
)
def test_stale_timestamp_is_named_with_its_skew(
    source: CallSource, age: timedelta, skew: str
) -> None:
    said = refuse(source, lambda headers: headers, age=age)

    assert said == (
        f"stale_timestamp: webhook-timestamp {skew}, а можно на 300."
        f" Сверьте часы отправителя: у нас сейчас {NOW}."
    )


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        (["webhook-id"], "Нет заголовка webhook-id."),
        (["webhook-timestamp"], "Нет заголовка webhook-timestamp."),
        (["webhook-signature"], "Нет заголовка webhook-signature."),
        (
            ["webhook-id", "webhook-signature"],
            "Нет заголовков: webhook-id, webhook-signature.",
        ),
    ],
)
def test_each_missing_header_is_named(source: CallSource, missing: list[str], named: str) -> None:
    said = refuse(
        source,
        lambda headers: {name: value for name, value in headers.items() if name not in missing},
    )

    assert said == f"missing_headers: {named}"


def test_source_that_is_not_there_is_named(source: CallSource) -> None:
    said = refuse(source, lambda headers: headers | {"X-CallKeeper-Source": "src_gone"})

    assert said == (
        "unknown_source: Источника «src_gone» нет, он выключен или у него нет секрета:"
        " проверьте X-CallKeeper-Source."
    )


def test_missing_name_of_the_source_is_named(source: CallSource) -> None:
    CallSource.objects.update(is_active=False)

    said = refuse(source, lambda headers: headers | {"X-CallKeeper-Source": ""})

    assert said == (
        "unknown_source: Нет заголовка X-CallKeeper-Source:"
        " укажите в нём идентификатор источника, src_…."
    )


@pytest.mark.parametrize(
    ("signature", "said"),
    [
        (
            "3q2+7w==",
            "webhook-signature должен начинаться с «v1,»: v1,base64 от HMAC-SHA256.",
        ),
        (
            "v1," + "0f" * 32,
            "В webhook-signature после «v1,» — шестнадцатеричная запись, а нужен base64: 44 знака.",
        ),
        ("v1,bm8=", "В webhook-signature после «v1,» нужен base64 от HMAC-SHA256: 44 знака."),
    ],
)
def test_form_of_a_wrong_signature_is_named(source: CallSource, signature: str, said: str) -> None:
    answer = refuse(source, lambda headers: headers | {"webhook-signature": signature})

    assert answer == f"bad_signature: {said}"


def test_signature_of_another_body_is_named(source: CallSource) -> None:
    said = refuse(source, lambda headers: headers | {"webhook-id": "msg_2"})

    assert said == (
        f"bad_signature: Подпись не подходит ни к одному секрету источника «{source.public_id}»."
        " Подписывается webhook-id.webhook-timestamp.тело, тело — байт в байт."
    )


@pytest.mark.parametrize(
    ("content_type", "headers", "said"),
    [
        ("text/plain", {}, "В Content-Type пришло «text/plain»: нужен application/json."),
        ("", {}, "Нет заголовка Content-Type: нужен application/json."),
        (
            "application/json",
            {"Content-Encoding": "gzip"},
            "Тело пришло в кодировании «gzip»: присылайте его без сжатия.",
        ),
        (
            "application/json",
            {"Transfer-Encoding": "gzip, chunked"},
            "Тело пришло в кодировании «gzip»: присылайте его без сжатия.",
        ),
    ],
)
def test_unsupported_body_is_named(
    source: CallSource, content_type: str, headers: Headers, said: str
) -> None:
    answer = post_body(b"{}", headers=headers, content_type=content_type)

    assert_refused(answer, 415, "unsupported_media_type")
    assert answer.json()["error"]["message"] == said


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
def test_identity_is_no_compression(source: CallSource, encoding: str) -> None:
    body = json.dumps(factories.v3_record()).encode()
    headers = signed_headers(body, webhook_id=new_webhook_id())

    answer = post_body(body, headers=headers | {"Content-Encoding": encoding})

    assert answer.status_code == 202
    assert Call.objects.count() == 1


class Chunks(BytesIO):
    """A body of the web server; ``cut`` makes it fail where the connection was lost."""

    def __init__(self, body: bytes, *, cut: bool = False) -> None:
        super().__init__(body)
        self.cut = cut
        self.largest = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size > 0
        self.largest = max(self.largest, size)
        piece = super().read(size)
        if self.cut and not piece:
            raise ValueError("no more chunks")
        return piece


def post_chunks(body: bytes, stream: Chunks, **environ: Any) -> Any:
    chunked: dict[str, Any] = {
        "CONTENT_LENGTH": "",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": stream,
        "wsgi.input_terminated": True,
    }
    return Client().generic(
        "POST",
        "/api/v1/calls",
        body,
        content_type="application/json",
        headers=signed_headers(body, webhook_id=new_webhook_id()),
        **chunked | environ,
    )


def test_chunked_body_is_read_up_to_the_limit(source: CallSource, settings: Settings) -> None:
    body = json.dumps(factories.v3_record()).encode()
    settings.INGEST_MAX_BYTES = len(body)

    answer = post_chunks(body, Chunks(body))

    assert answer.status_code == 202
    assert Call.objects.count() == 1


def test_chunked_body_is_refused_at_the_first_byte_beyond_the_limit(
    source: CallSource, settings: Settings
) -> None:
    body = json.dumps(factories.v3_record()).encode()
    settings.INGEST_MAX_BYTES = len(body) - 1
    stream = Chunks(body + b" " * 100_000)

    answer = post_chunks(body, stream)

    assert_refused(answer, 413, "body_too_large")
    assert stream.tell() == len(body)
    assert stream.largest == len(body)


def test_chunked_body_that_is_cut_off_is_refused(source: CallSource) -> None:
    body = json.dumps(factories.v3_record()).encode()

    answer = post_chunks(body, Chunks(body, cut=True))

    assert_refused(answer, 400, "body_cut_off")


@pytest.mark.parametrize(
    "environ", [{"wsgi.input_terminated": False}, {"HTTP_TRANSFER_ENCODING": ""}]
)
def test_body_without_length_and_end_is_refused(
    source: CallSource, environ: dict[str, Any]
) -> None:
    body = json.dumps(factories.v3_record()).encode()

    answer = post_chunks(body, Chunks(body), **environ)

    assert_refused(answer, 411, "length_required")


RECORD = '{"universalId": "1", "site": "Окна"}'
WANTED = "пришлите JSON в UTF-8."


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        (b"", "malformed_json", "Тело запроса пустое: нужен JSON со звонком."),
        (b" \r\n", "malformed_json", "Тело запроса пустое: нужен JSON со звонком."),
        (
            RECORD.encode("utf-16"),
            "malformed_json",
            f"Тело запроса не в UTF-8, похоже на UTF-16: {WANTED}",
        ),
        (
            RECORD.encode("utf-16-le"),
            "malformed_json",
            f"Тело запроса не в UTF-8, похоже на UTF-16: {WANTED}",
        ),
        (
            RECORD.encode("cp1251"),
            "malformed_json",
            f"Тело запроса не в UTF-8, похоже на windows-1251: {WANTED}",
        ),
        (b'{"a": "\xff\x98"}', "malformed_json", "Тело запроса — не JSON в UTF-8."),
        (
            f"{RECORD}\n{RECORD}\n".encode(),
            "malformed_json",
            "Тело запроса — по одной записи в строке (JSON Lines): оберните их в "
            '{"calls": […]}, через запятую.',
        ),
        (b'{"duration": NaN}', "malformed_json", "NaN — не JSON: пришлите вместо него null."),
        (
            b'{"duration": -Infinity}',
            "malformed_json",
            "-Infinity — не JSON: пришлите вместо него null.",
        ),
        (
            b'{\n"callTime": 1',
            "malformed_json",
            "Тело запроса — не JSON: ошибка в строке 2, знак 14.",
        ),
        (b'"text"', "wrong_shape", 'Нужен объект звонка, список или {"calls": […]}.'),
        (b'{"calls": []}', "no_usable_call", "В запросе нет ни одного звонка."),
    ],
)
def test_body_that_is_no_call_is_named(body: bytes, code: str, said: str) -> None:
    with pytest.raises(ApiError) as refusal:
        items_of(body)

    status = 422 if code == "no_usable_call" else 400
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert refusal.value.message == said


@pytest.mark.parametrize("wrap", [lambda calls: calls, lambda calls: {"payload": calls}])
def test_list_and_answer_of_the_calls_api_are_taken_as_calls(
    source: CallSource, wrap: Callable[[list[Any]], Any]
) -> None:
    records = [factories.v3_record(universalId="1"), factories.v3_record(universalId="2")]
    body = json.dumps(wrap(records)).encode()
    headers = signed_headers(body, webhook_id="msg_1")
    headers["X-CallKeeper-Source"] = source.public_id

    answer = post_body(body, headers=headers)

    assert answer.status_code == 202
    assert set(Call.objects.values_list("external_id", flat=True)) == {"1", "2"}


def test_record_with_a_payload_of_its_own_is_one_call(source: CallSource) -> None:
    body = json.dumps(factories.v3_record(universalId="1", payload=[1])).encode()
    headers = signed_headers(body, webhook_id="msg_1")
    headers["X-CallKeeper-Source"] = source.public_id

    assert post_body(body, headers=headers).status_code == 202
    assert [call.external_id for call in Call.objects.all()] == ["1"]
