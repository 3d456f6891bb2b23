from __future__ import annotations

import pytest
import requests

from tests.devtools.sandbox.actor import TIMEOUT, Actor, control


def test_basic_header_takes_precedence_over_the_body(actor: Actor) -> None:
    options = actor.sandbox.options
    form = {"grant_type": "authorization_code", "code": actor.decide()["code"]}

    answer = requests.post(
        actor.sandbox.url + "/token",
        data=form | {"client_id": "wrong", "client_secret": "wrong"},
        auth=(options.client_id, options.client_secret),
        timeout=TIMEOUT,
    )

    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "0" * 32}, "invalid_client"),
        ({"client_id": ""}, "invalid_request"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code", "code": ""}, "invalid_request"),
        ({"grant_type": "authorization_code", "code": "1234567"}, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "1:a:b:c"}, "invalid_grant"),
        ({}, "invalid_request"),
    ],
)
def test_token_endpoint_names_the_error(actor: Actor, form: dict[str, str], error: str) -> None:
    answer = actor.post_form("/token", **form)

    assert answer.status_code == 400
    assert answer.json()["error"] == error


@pytest.mark.parametrize(
    ("header", "error"),
    [
        ("Bearer x", "Basic auth required"),
        ("Basic not-base64!", "Malformed Authorization header"),
        ("Basic bm9jb2xvbg==", "Malformed Authorization header"),
    ],
)
def test_bad_authorization_header_is_named_in_words(actor: Actor, header: str, error: str) -> None:
    url = actor.sandbox.url + "/token"

    answer = requests.post(
        url, data={"grant_type": "x"}, headers={"Authorization": header}, timeout=TIMEOUT
    )

    assert answer.status_code == 400
    assert answer.json()["error"] == error


def test_body_that_is_no_form_is_an_invalid_request(actor: Actor) -> None:
    answer = requests.post(actor.sandbox.url + "/token", json={"grant_type": "x"}, timeout=TIMEOUT)

    assert answer.json()["error_description"] == "grant_type not in POST"


def test_refresh_rotates_and_invalidates_the_old_refresh_token(actor: Actor) -> None:
    old = actor.link()

    new = actor.post_form(
        "/token", grant_type="refresh_token", refresh_token=old["refresh_token"]
    ).json()
    again = actor.post_form(
        "/token", grant_type="refresh_token", refresh_token=old["refresh_token"]
    )

    assert new["access_token"] == old["access_token"]
    assert new["refresh_token"] != old["refresh_token"]
    assert again.json()["error"] == "invalid_grant"


def test_refresh_after_three_months_replaces_the_access_token(actor: Actor) -> None:
    old = actor.link()
    control(actor.sandbox, "clock", advance_seconds=91 * 86_400)

    new = actor.post_form(
        "/token", grant_type="refresh_token", refresh_token=old["refresh_token"]
    ).json()

    assert new["access_token"] != old["access_token"]
    assert new["expires_in"] == 31536000
    assert actor.get("/management/v1/counters")["code"] == 403
    actor.token = new["access_token"]
    assert actor.get("/management/v1/counters")["rows"] == 9


def test_both_tokens_of_a_pair_expire_together(actor: Actor) -> None:
    pair = actor.link()

    expired = control(actor.sandbox, "people/okna-stolica/expire-tokens", now=True)
    refresh = actor.post_form(
        "/token", grant_type="refresh_token", refresh_token=pair["refresh_token"]
    )

    assert expired == {"expired": 2}
    assert refresh.json()["error"] == "invalid_grant"
    assert actor.get("/management/v1/counters")["errors"][0]["error_type"] == "invalid_token"


def test_device_token_can_be_revoked_twice(actor: Actor) -> None:
    token = actor.link()["access_token"]

    first = actor.post_form("/revoke_token", access_token=token)
    second = actor.post_form("/revoke_token", access_token=token)

    assert (first.status_code, first.json()) == (200, {"status": "ok"})
    assert second.json() == {"status": "ok"}
    assert actor.call("GET", "/info").status_code == 401


def test_token_without_a_device_cannot_be_revoked(actor: Actor) -> None:
    token = actor.link(device_id="")["access_token"]

    answer = actor.post_form("/revoke_token", access_token=token)

    assert answer.status_code == 400
    assert answer.json()["error"] == "unsupported_token_type"
    assert actor.call("GET", "/info").status_code == 200


def test_thirty_first_device_revokes_the_oldest(actor: Actor) -> None:
    oldest = actor.token

    for number in range(30):
        actor.link(device_id=f"device-{number:04}x")

    assert actor.call("GET", "/info").status_code == 200
    actor.token = oldest
    assert actor.call("GET", "/info").status_code == 401


@pytest.mark.parametrize("word", ["OAuth", "Bearer"])
def test_profile_shows_what_the_scopes_allow(actor: Actor, word: str) -> None:
    token = actor.link(scope="metrika:read")["access_token"]
    named = actor.link(scope="login:info login:email")["access_token"]

    def profile(access: str) -> dict[str, object]:
        headers = {"Authorization": f"{word} {access}"}
        answer = requests.get(actor.sandbox.url + "/info", headers=headers, timeout=TIMEOUT)
        content: dict[str, object] = answer.json()
        return content

    assert set(profile(token)) == {"id", "login", "client_id", "psuid"}
    assert profile(token)["id"] == "1130000000000101"
    assert profile(named)["real_name"] == "Анна Столичная"
    assert profile(named)["default_email"] == "okna-stolica@yandex.ru"


def test_unticked_scope_is_named_in_the_answer(actor: Actor) -> None:
    answer = actor.link(scope="metrika:read", optional_scope="login:email")

    assert answer["scope"] == "metrika:read"


def test_fault_cuts_scopes_at_the_token_endpoint(actor: Actor) -> None:
    control(actor.sandbox, "faults", name="scope_cut", drop=["metrika:offline_data"])

    answer = actor.link()

    assert answer["scope"] == "login:info metrika:read metrika:write"


def test_fault_answers_the_token_request_with_html(actor: Actor) -> None:
    code = actor.decide()["code"]
    control(actor.sandbox, "faults", name="oauth_html_5xx", status=503)

    broken = actor.exchange(code)
    healed = actor.exchange(code)

    assert broken.status_code == 503
    assert broken.text.startswith("<html>")
    assert healed.status_code == 200
