from __future__ import annotations

import logging
from base64 import b64encode
from urllib.parse import parse_qs

import pytest
import responses

from integrations.yandex.errors import (
    AuthorisationRefused,
    TokenRejected,
    UnexpectedAnswer,
    Unreachable,
    YandexError,
)
from integrations.yandex.oauth import OAuthClient
from integrations.yandex.records import Profile, Token
from tests.integrations.yandex.stage import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    CODE,
    CONFIG,
    REFRESH_TOKEN,
    SECRETS,
    VERIFIER,
    payload,
)

TOKEN_URL = f"{CONFIG.oauth_url}/token"
REVOKE_URL = f"{CONFIG.oauth_url}/revoke_token"
INFO_URL = f"{CONFIG.login_url}/info"
BASIC = "Basic " + b64encode(f"{CONFIG.client_id}:{CLIENT_SECRET}".encode()).decode()
DEVICE = {"device_id": "5f1d6a0e-link", "device_name": "CallKeeper: Окна Столица"}


def exchange(client: OAuthClient | None = None) -> Token:
    client = client or OAuthClient(CONFIG)
    return client.exchange_code(code=CODE, code_verifier=VERIFIER, **DEVICE)


def form_sent() -> dict[str, list[str]]:
    (call,) = responses.calls
    body = call.request.body
    return parse_qs(body if isinstance(body, str) else bytes(body or b"").decode())


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, {"status": "ok"}, True),
        (200, {"status": "pending"}, False),
        (400, {"error": "unsupported_token_type"}, False),
        (400, {"error": "invalid_grant"}, False),
    ],
)
def test_revocation_returns_whether_yandex_revoked(
    status: int, body: dict[str, str], expected: bool
) -> None:
    responses.post(REVOKE_URL, status=status, json=body)

    assert OAuthClient(CONFIG).revoke(access_token=ACCESS_TOKEN) is expected

    assert form_sent() == {"access_token": [ACCESS_TOKEN]}
    assert responses.calls[0].request.headers["Authorization"] == BASIC


@responses.activate
def test_a_revocation_refused_to_the_application_itself_is_an_error() -> None:
    responses.post(REVOKE_URL, status=400, json={"error": "invalid_client"})

    with pytest.raises(AuthorisationRefused) as caught:
        OAuthClient(CONFIG).revoke(access_token=ACCESS_TOKEN)

    assert caught.value.error == "invalid_client"


@responses.activate
def test_a_profile_is_read_with_the_token_in_the_header_only() -> None:
    responses.get(INFO_URL, body=payload("profile.json"))

    profile = OAuthClient(CONFIG).profile(access_token=ACCESS_TOKEN)

    assert profile == Profile(
        yandex_uid="1000034426",
        login="okna-stolica",
        display_name="Окна Столица",
        client_id=CONFIG.client_id,
    )
    request = responses.calls[0].request
    assert request.url == f"{INFO_URL}?format=json"
    assert request.headers["Authorization"] == f"OAuth {ACCESS_TOKEN}"


@responses.activate
def test_a_profile_without_login_scopes_has_its_uid() -> None:
    responses.get(INFO_URL, body=payload("profile_bare.json"))

    profile = OAuthClient(CONFIG).profile(access_token=ACCESS_TOKEN)

    assert profile == Profile("1000034426", login="okna-stolica", client_id=CONFIG.client_id)


@responses.activate
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, "", TokenRejected),
        (401, '{"error": "unauthorized"}', TokenRejected),
        (403, '{"error": "invalid_token"}', TokenRejected),
        (502, "<html>", Unreachable),
        (200, "<html>", UnexpectedAnswer),
        (200, '{"login": "okna"}', UnexpectedAnswer),
    ],
)
def test_unreadable_profile_raises_its_error(
    status: int, body: str, expected: type[YandexError]
) -> None:
    responses.get(INFO_URL, status=status, body=body)

    with pytest.raises(expected) as caught:
        OAuthClient(CONFIG).profile(access_token=ACCESS_TOKEN)

    assert type(caught.value) is expected


@responses.activate
def test_no_secret_is_logged_with_everything_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    for name in (
        "",
        "oauthlib",
        "requests_oauthlib",
        "requests_oauthlib.oauth2_session",
        "urllib3",
    ):
        caplog.set_level(logging.DEBUG, logger=name)
    responses.post(TOKEN_URL, body=payload("token.json"))
    responses.post(REVOKE_URL, json={"status": "ok"})
    responses.get(INFO_URL, body=payload("profile.json"))
    client = OAuthClient(CONFIG)

    exchange(client)
    client.refresh(refresh_token=REFRESH_TOKEN)
    client.profile(access_token=ACCESS_TOKEN)
    client.revoke(access_token=ACCESS_TOKEN)

    assert not SECRETS.search(caplog.text)


@responses.activate
def test_no_secret_is_in_a_record_or_an_error() -> None:
    leaky = f'{{"token": "{ACCESS_TOKEN}", "again": "{REFRESH_TOKEN}"}}'
    responses.post(TOKEN_URL, body=payload("token.json"))
    responses.post(REVOKE_URL, status=400, body=leaky)
    responses.get(INFO_URL, body=leaky)
    client = OAuthClient(CONFIG)

    traces = [repr(exchange(client)), repr(client)]
    with pytest.raises(AuthorisationRefused) as refused:
        client.revoke(access_token=ACCESS_TOKEN)
    with pytest.raises(UnexpectedAnswer) as misread:
        client.profile(access_token=ACCESS_TOKEN)

    for error in (refused.value, misread.value):
        traces += [str(error), repr(error), error.excerpt]
    assert not SECRETS.search("\n".join(traces))
