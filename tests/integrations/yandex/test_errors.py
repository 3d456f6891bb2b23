from __future__ import annotations

import json
import pickle

import pytest

from integrations.yandex import errors
from integrations.yandex.answer import Answer
from integrations.yandex.errors import error_class, error_from
from tests.integrations.yandex.stage import (
    ACCESS_TOKEN,
    REFRESH_TOKEN,
    SECRETS,
    payload,
    vendor_error,
)

DOCUMENTED = [
    ("backend_error", 503, errors.Unreachable),
    ("timeout", 504, errors.Unreachable),
    ("invalid_parameter", 400, errors.RequestRejected),
    ("missing_parameter", 400, errors.RequestRejected),
    ("invalid_json", 400, errors.RequestRejected),
    ("invalid_uploading", 400, errors.RequestRejected),
    ("limit_exceeded", 400, errors.RequestRejected),
    ("filter_limits", 400, errors.RequestRejected),
    ("query_error", 400, errors.RequestRejected),
    ("too_much_rows", 400, errors.RequestRejected),
    ("unauthorized", 401, errors.TokenRejected),
    ("access_denied", 403, errors.AccessDenied),
    ("invalid_token", 403, errors.TokenRejected),
    ("counter_in_connect", 403, errors.AccessDenied),
    ("not_found", 404, errors.NotFound),
    ("not_acceptable", 406, errors.RequestRejected),
    ("conflict", 409, errors.RequestRejected),
    ("quota_requests_by_uid", 429, errors.QuotaExceeded),
    ("quota_requests_by_counter_id", 429, errors.QuotaExceeded),
    ("quota_requests_by_ip", 429, errors.QuotaExceeded),
    ("quota_parallel_requests", 429, errors.QuotaExceeded),
    ("quota_delegate_requests", 429, errors.QuotaExceeded),
    ("quota_grants_requests", 429, errors.QuotaExceeded),
]
BARE = [
    (302, errors.UnexpectedAnswer),
    (400, errors.RequestRejected),
    (401, errors.TokenRejected),
    (403, errors.AccessDenied),
    (404, errors.NotFound),
    (405, errors.RequestRejected),
    (408, errors.Unreachable),
    (413, errors.RequestRejected),
    (415, errors.RequestRejected),
    (420, errors.QuotaExceeded),
    (429, errors.QuotaExceeded),
    (500, errors.Unreachable),
    (502, errors.Unreachable),
    (503, errors.Unreachable),
    (504, errors.Unreachable),
]
QUOTAS = [
    ("quota_requests_by_uid", "day"),
    ("quota_parallel_requests", "parallel"),
    ("quota_requests_by_ip", "ip"),
    ("quota_requests_by_counter_id", "counter"),
    ("quota_grants_requests", "other"),
    ("", "other"),
]
OAUTH_CODES = [
    "authorization_pending",
    "bad_verification_code",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
    "unsupported_token_type",
    "Basic auth required",
    "Malformed Authorization header",
    "a_name_nobody_documented",
]
# Whether a request may have arrived by the class of its error, when nothing more is known
PROMISES = [
    (errors.Unreachable, True),
    (errors.QuotaExceeded, False),
    (errors.TokenRejected, False),
    (errors.AccessDenied, False),
    (errors.NotFound, False),
    (errors.RequestRejected, False),
    (errors.UnexpectedAnswer, True),
    (errors.AuthorisationRefused, False),
]


def answer(status: int, body: object, **headers: str) -> Answer:
    content = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, content.encode(), named)


@pytest.mark.parametrize(("error_type", "status", "expected"), DOCUMENTED)
def test_each_documented_type_has_its_class(
    error_type: str, status: int, expected: type[errors.YandexError]
) -> None:
    error = error_from(answer(status, vendor_error(error_type, code=status)), action="GET /x")

    assert type(error) is expected
    assert (error.error_type, error.http_status) == (error_type, status)


@pytest.mark.parametrize(("error_type", "status", "expected"), DOCUMENTED)
@pytest.mark.parametrize("with_code", [True, False])
def test_an_error_inside_a_success_has_the_same_class_and_may_have_written(
    error_type: str, status: int, expected: type[errors.YandexError], with_code: bool
) -> None:
    body = vendor_error(error_type, code=status)
    if not with_code:
        del body["code"]

    error = error_from(answer(200, body), action="POST /x")

    assert error.http_status == 200
    assert error.may_have_arrived
    # A quota says so by its name alone; the rest by the code or by the vendor's table.
    assert type(error) is expected


@pytest.mark.parametrize(("status", "expected"), BARE)
@pytest.mark.parametrize("body", ["", "<html>no</html>", "[]", '"text"', "{}", '{"errors": [7]}'])
def test_a_refusal_without_readable_body_is_judged_by_its_status(
    status: int, expected: type[errors.YandexError], body: str
) -> None:
    error = error_from(answer(status, body), action="GET /x")

    assert type(error) is expected
    assert error.error_type == ""


@pytest.mark.parametrize("status", [400, 403, 420, 429, 503])
@pytest.mark.parametrize(("error_type", "quota"), QUOTAS[:-1])
def test_quota_error_is_recognised_under_any_status(
    status: int, error_type: str, quota: str
) -> None:
    error = error_from(answer(status, vendor_error(error_type, code=status)), action="GET /x")

    assert isinstance(error, errors.QuotaExceeded)
    assert error.quota == quota


@pytest.mark.parametrize(("error_type", "quota"), QUOTAS)
def test_a_quota_is_named_by_its_type(error_type: str, quota: str) -> None:
    assert errors.QuotaExceeded("m", error_type=error_type).quota == quota


@pytest.mark.parametrize("code", OAUTH_CODES)
@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_each_refusal_of_authorisation_keeps_its_name(code: str, status: int) -> None:
    body = {"error": code, "error_description": "Why"}

    error = error_from(answer(status, body), action="Exchange", authorising=True)

    assert isinstance(error, errors.AuthorisationRefused)
    assert error.error == code
    assert error.message == "Exchange: Why"


def test_refusal_of_authorisation_may_have_no_name() -> None:
    error = error_from(answer(401, "<html>"), action="Exchange", authorising=True)

    assert isinstance(error, errors.AuthorisationRefused)
    assert error.error == ""


@pytest.mark.parametrize(
    ("status", "expected"), [(502, errors.Unreachable), (429, errors.QuotaExceeded)]
)
def test_outage_of_the_token_endpoint_is_not_a_refusal(
    status: int, expected: type[errors.YandexError]
) -> None:
    assert error_class(status, "", authorising=True) is expected


@pytest.mark.parametrize(("kind", "may_have_arrived"), PROMISES)
def test_each_class_says_whether_its_request_may_have_arrived(
    kind: type[errors.YandexError], may_have_arrived: bool
) -> None:
    error = kind("m")

    assert error.may_have_arrived is may_have_arrived
    assert (error.http_status, error.error_type, error.request_id) == (None, "", "")
    assert (error.retry_after, error.excerpt) == (None, "")


def test_text_of_an_error_has_action_message_and_request_id() -> None:
    body = json.loads(payload("error_access_denied.json"))

    error = error_from(answer(403, body, X_Request_Id="1767607384-77"), action="POST /upload")

    assert str(error) == (
        "POST /upload: Access is denied [HTTP 403, access_denied, request 1767607384-77]"
    )
    assert error.message == "POST /upload: Access is denied"


def test_malformed_request_id_is_not_shown() -> None:
    error = error_from(answer(500, "", X_Request_Id="<script>"), action="GET /x")

    assert error.request_id == ""
    assert str(error) == "GET /x: refused without a reason [HTTP 500]"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        ("Mon, 05 Jan 2026 10:01:00 GMT", 60.0),
        ("Mon, 05 Jan 2026 09:00:00 GMT", 0.0),
        ("-5", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_parsed_in_seconds(header: str, expected: float | None) -> None:
    date = "Mon, 05 Jan 2026 10:00:00 GMT"

    error = error_from(answer(429, "", Retry_After=header, Date=date), action="GET /x")

    assert error.retry_after == expected


def test_an_excerpt_has_no_token_no_phone_and_no_visitor() -> None:
    body = {
        "message": f"bad {ACCESS_TOKEN} or {REFRESH_TOKEN}",
        "row": "1718031415926535897,1767607384,+79161234567,8 (916) 123-45-67",
        "header": "Authorization: OAuth abcdef.ghijkl",
        "form": "client_secret=0123abcd&code=7654321&status=ok",
    }

    error = error_from(answer(400, body), action="POST /x")

    for trace in (error.excerpt, str(error), repr(error)):
        assert not SECRETS.search(trace)
    for secret in ("17180314", "1767607384", "9161234567", "123-45-67", "abcdef", "0123abcd"):
        assert secret not in error.excerpt
    assert "7654321" not in error.excerpt
    assert "status=ok" in error.excerpt


def test_an_excerpt_is_cut_to_five_hundred_characters() -> None:
    error = error_from(answer(502, "ы" * 100_000), action="GET /x")

    assert error.excerpt == "ы" * 500


def test_error_can_be_pickled() -> None:
    error = error_from(answer(429, vendor_error("quota_requests_by_uid", code=429)), action="GET")

    copy = pickle.loads(pickle.dumps(error))

    assert isinstance(copy, errors.QuotaExceeded)
    assert (str(copy), copy.quota, copy.http_status) == (str(error), "day", 429)


def test_deeply_nested_body_is_not_an_object() -> None:
    assert Answer(200, b"[" * 100_000).json_object() is None
