from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from integrations.yandex.errors import (
    AuthorisationRefused,
    QuotaExceeded,
    UnexpectedAnswer,
    Unreachable,
    YandexError,
)
from integrations.yandex.oauth import OAuthClient, challenge_for
from integrations.yandex.records import Token
from tests.integrations.yandex.line import answers, line
from tests.integrations.yandex.stage import (
    ACCESS_TOKEN,
    CLIENT_SECRET,
    CODE,
    CONFIG,
    REFRESH_TOKEN,
    VERIFIER,
    options_sent,
    payload,
)

TOKEN_URL = f"{CONFIG.oauth_url}/token"
BASIC = "Basic " + b64encode(f"{CONFIG.client_id}:{CLIENT_SECRET}".encode()).decode()
DEVICE = {"device_id": "5f1d6a0e-link", "device_name": "CallKeeper: Окна Столица"}


def exchange(client: OAuthClient | None = None) -> Token:
    client = client or OAuthClient(CONFIG)
    return client.exchange_code(code=CODE, code_verifier=VERIFIER, **DEVICE)


def refresh() -> Token:
    return OAuthClient(CONFIG).refresh(refresh_token=REFRESH_TOKEN)


def form_sent() -> dict[str, list[str]]:
    (call,) = responses.calls
    body = call.request.body
    return parse_qs(body if isinstance(body, str) else bytes(body or b"").decode())


def authorize_url(**changes: str) -> str:
    return OAuthClient(CONFIG).authorize_url(
        **{"state": "st", "code_challenge": "ch", **DEVICE, **changes}
    )


def test_the_challenge_is_that_of_the_standard() -> None:
    # RFC 7636, appendix B
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

    assert challenge_for(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_authorize_url_has_every_parameter() -> None:
    url = urlsplit(authorize_url())

    assert f"{url.scheme}://{url.netloc}{url.path}" == f"{CONFIG.oauth_url}/authorize"
    assert parse_qs(url.query) == {
        "response_type": ["code"],
        "client_id": [CONFIG.client_id],
        "redirect_uri": [CONFIG.redirect_uri],
        "scope": ["login:info metrika:read metrika:offline_data"],
        "state": ["st"],
        "code_challenge": ["ch"],
        "code_challenge_method": ["S256"],
        "force_confirm": ["yes"],
        "device_id": ["5f1d6a0e-link"],
        "device_name": ["CallKeeper: Окна Столица"],
    }


def test_login_hint_names_the_known_account() -> None:
    url = urlsplit(authorize_url(login_hint="okna-stolica"))

    assert parse_qs(url.query)["login_hint"] == ["okna-stolica"]


@pytest.mark.parametrize("missing", ["state", "code_challenge"])
def test_authorize_url_requires_state_and_challenge(missing: str) -> None:
    with pytest.raises(ValueError, match="needs its state and its challenge"):
        authorize_url(**{missing: ""})


@responses.activate
def test_a_code_is_exchanged_with_its_verifier_and_device() -> None:
    responses.post(TOKEN_URL, body=payload("token.json"))

    token = exchange()

    assert token == Token(ACCESS_TOKEN, REFRESH_TOKEN, 31536000, None)
    assert form_sent() == {
        "grant_type": ["authorization_code"],
        "code": [CODE],
        "code_verifier": [VERIFIER],
        "redirect_uri": [CONFIG.redirect_uri],
        "device_id": ["5f1d6a0e-link"],
        "device_name": ["CallKeeper: Окна Столица"],
    }
    request = responses.calls[0].request
    assert request.headers["Authorization"] == BASIC
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["User-Agent"] == CONFIG.user_agent
    assert options_sent()["timeout"] == (5, 60)


@responses.activate
def test_a_refresh_authenticates_and_asks_for_no_scope() -> None:
    responses.post(TOKEN_URL, body=payload("token.json"))

    token = refresh()

    assert token == Token(ACCESS_TOKEN, REFRESH_TOKEN, 31536000, None)
    assert form_sent() == {"grant_type": ["refresh_token"], "refresh_token": [REFRESH_TOKEN]}
    request = responses.calls[0].request
    assert request.headers["Authorization"] == BASIC
    assert options_sent()["timeout"] == (5, 60)


@responses.activate
def test_fewer_granted_scopes_are_returned_without_an_error() -> None:
    responses.post(TOKEN_URL, body=payload("token_cut.json"))

    token = exchange()

    assert token.scopes == ("login:info", "metrika:read")
    assert token.expires_in == 31535338


@responses.activate
@pytest.mark.parametrize("ask", [exchange, refresh])
def test_refusal_has_the_error_code_of_yandex(ask: Callable[[], Token]) -> None:
    responses.post(TOKEN_URL, status=400, body=payload("token_refused.json"))

    with pytest.raises(AuthorisationRefused) as caught:
        ask()

    assert caught.value.error == "invalid_grant"
    assert len(responses.calls) == 1


@responses.activate
@pytest.mark.parametrize("ask", [exchange, refresh])
@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (502, payload("gateway_502.html"), Unreachable),
        (503, "", Unreachable),
        (500, '{"error": "invalid_grant"}', Unreachable),
        (429, "", QuotaExceeded),
        (400, "<html>", AuthorisationRefused),
        (401, '{"error": "invalid_client"}', AuthorisationRefused),
        (200, '{"error": "Basic auth required"}', AuthorisationRefused),
        (200, "<html>hello</html>", UnexpectedAnswer),
        (200, "", UnexpectedAnswer),
        (200, "{}", UnexpectedAnswer),
        (200, '{"access_token": "t", "refresh_token": "r"}', UnexpectedAnswer),
        (200, '{"access_token": "t", "expires_in": 5}', UnexpectedAnswer),
        (200, '{"access_token": 7, "refresh_token": null, "expires_in": 5}', UnexpectedAnswer),
        (
            200,
            '{"access_token": "t", "refresh_token": "r", "expires_in": "soon"}',
            UnexpectedAnswer,
        ),
    ],
)
def test_outage_refusal_and_garbage_have_different_errors(
    ask: Callable[[], Token], status: int, body: str, expected: type[YandexError]
) -> None:
    responses.post(TOKEN_URL, status=status, body=body)

    with pytest.raises(expected) as caught:
        ask()

    assert type(caught.value) is expected
    assert caught.value.http_status == status


@responses.activate
def test_a_code_is_not_sent_after_a_redirect() -> None:
    responses.post(TOKEN_URL, status=307, headers={"Location": "https://evil.example/"})

    with pytest.raises(UnexpectedAnswer):
        exchange()

    assert len(responses.calls) == 1


@responses.activate
def test_a_lost_answer_to_an_exchange_is_unreachable_and_not_repeated() -> None:
    responses.post(TOKEN_URL, body=requests.ConnectionError("reset"))
    responses.post(TOKEN_URL, body=payload("token.json"))

    with pytest.raises(Unreachable):
        exchange()

    assert len(responses.calls) == 1


def test_a_stand_in_on_plain_http_needs_no_switch_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OAUTHLIB_INSECURE_TRANSPORT", raising=False)
    with line(answers(payload("token.json").encode())) as server:
        client = OAuthClient(replace(CONFIG, oauth_url=server.url))

        token = exchange(client)
        url = client.authorize_url(state="st", code_challenge="ch", **DEVICE)

    assert token.access_token == ACCESS_TOKEN
    assert url.startswith(f"{server.url}/authorize?")


@responses.activate
def test_scope_switch_of_the_environment_has_no_effect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OAUTHLIB_RELAX_TOKEN_SCOPE", raising=False)
    responses.post(TOKEN_URL, body=payload("token_cut.json"))
    strict = exchange()
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")

    assert exchange() == strict
