from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from integrations.yandex import errors
from integrations.yandex.metrika import MetrikaClient
from integrations.yandex.records import Uploading
from tests.integrations.yandex.stage import (
    ACCESS_TOKEN,
    CONVERSIONS_URL,
    COUNTER,
    SECRETS,
    UPLOAD_URL,
    make_client,
    payload,
    vendor_error,
)

FILE = (
    'ClientId,DateTime,Tag\r\n17,1767607384,"да, ""целевой"""\r\n18,1767607385,"☎️\n👍"\r\n'.encode()
)

Query = dict[str, list[str]]


def queries() -> list[Query]:
    return [parse_qs(urlsplit(call.request.url or "").query) for call in responses.calls]


def upload(client: MetrikaClient | None = None) -> Uploading:
    client = client or make_client()
    return client.upload_calls(COUNTER, body=FILE, marker="ck4711", new_goal_name="Звонок & Ко")


@responses.activate
def test_calls_are_uploaded_as_one_file_with_the_marker_in_the_query() -> None:
    responses.post(UPLOAD_URL, body=payload("upload_calls.json"))

    uploading = upload()

    assert uploading == Uploading(
        uploading_id=730118204,
        status="PREPARED",
        comment="ck4711",
        source_quantity=2,
        line_quantity=2,
        static_quantity=0,
        dynamic_quantity=2,
        linked_quantity=0,
        user_not_found_quantity=0,
        create_time=datetime(2026, 1, 5, 9, 40, 3, tzinfo=UTC),
    )
    assert queries() == [{"comment": ["ck4711"], "new_goal_name": ["Звонок & Ко"]}]
    request = responses.calls[0].request
    body = b"".join(request.body or ())  # type: ignore[arg-type]  # pieces, not text
    edge = request.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
    assert (
        body
        == (
            f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="calls.csv"\r\n'
            "Content-Type: text/csv\r\n\r\n"
        ).encode()
        + FILE
        + f"\r\n--{edge}--\r\n".encode()
    )
    assert request.headers["Content-Length"] == str(len(body))
    assert "Transfer-Encoding" not in request.headers


@responses.activate
def test_conversions_are_uploaded_to_their_own_address() -> None:
    responses.post(f"{CONVERSIONS_URL}/upload", body=payload("upload_conversions.json"))

    uploading = make_client().upload_conversions(COUNTER, body=FILE, marker="ck4714")

    assert uploading == Uploading(204521, "UPLOADED", source_quantity=2, line_quantity=2)
    assert queries() == [{"comment": ["ck4714"]}]


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "expected", "may_have_arrived"),
    [
        (403, payload("error_access_denied.json"), errors.AccessDenied, False),
        (403, payload("error_invalid_token.json"), errors.TokenRejected, False),
        (
            400,
            json.dumps(vendor_error("invalid_uploading", code=400)),
            errors.RequestRejected,
            False,
        ),
        (413, "<html>too large</html>", errors.RequestRejected, False),
        (420, "", errors.QuotaExceeded, False),
        (503, json.dumps(vendor_error("backend_error", code=503)), errors.Unreachable, True),
        (502, payload("gateway_502.html"), errors.Unreachable, True),
        (200, payload("error_access_denied.json"), errors.AccessDenied, True),
        (200, payload("gateway_502.html"), errors.UnexpectedAnswer, True),
        (200, '{"uploading": null}', errors.UnexpectedAnswer, True),
        (200, '{"uploading": {"status": "UPLOADED"}}', errors.UnexpectedAnswer, True),
        (204, "", errors.UnexpectedAnswer, True),
        (302, "", errors.UnexpectedAnswer, True),
    ],
)
def test_an_upload_that_failed_says_whether_it_may_have_arrived(
    status: int, body: str, expected: type[errors.YandexError], may_have_arrived: bool
) -> None:
    responses.post(UPLOAD_URL, status=status, body=body)

    with pytest.raises(expected) as caught:
        upload()

    assert type(caught.value) is expected
    assert caught.value.may_have_arrived is may_have_arrived
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize(
    ("failure", "may_have_arrived"),
    [
        (requests.ConnectionError("reset"), True),
        (requests.ReadTimeout("silence"), True),
        (requests.exceptions.ChunkedEncodingError("cut"), True),
        (requests.ConnectTimeout("no answer"), False),
    ],
)
def test_an_upload_over_a_broken_line_is_sent_once(
    failure: Exception, may_have_arrived: bool
) -> None:
    responses.post(UPLOAD_URL, body=failure)

    with pytest.raises(errors.Unreachable) as caught:
        upload()

    assert caught.value.may_have_arrived is may_have_arrived
    assert len(responses.calls) == 1


@responses.activate
def test_no_secret_is_logged_or_put_in_an_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="urllib3")
    responses.post(UPLOAD_URL, status=403, body=json.dumps({"message": ACCESS_TOKEN}))
    client = make_client()

    with pytest.raises(errors.AccessDenied) as caught:
        upload(client)

    traces = [
        caplog.text,
        str(caught.value),
        repr(caught.value),
        caught.value.excerpt,
        repr(client),
    ]
    assert not SECRETS.search("\n".join(traces))
    assert ACCESS_TOKEN not in (responses.calls[0].request.url or "")
