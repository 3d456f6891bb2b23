from __future__ import annotations

import base64
import hashlib

import pytest

from devtools.sandbox import RunningSandbox
from tests.devtools.sandbox.actor import Actor, control, returned

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
)
PROMISE = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}


def test_consent_page_names_people_permissions_and_both_buttons(actor: Actor) -> None:
    page = actor.see_consent(login_hint="agency-media@yandex.ru")

    assert page.status_code == 200
    assert "Песочница: это не Яндекс" in page.text
    assert "Загрузка офлайн-данных: данных CRM, офлайн-конверсий, звонков" in page.text
    assert "value='agency-media' required checked" in page.text
    assert page.text.count("type='radio'") == 5
    assert "Разрешить" in page.text
    assert "Отказать" in page.text


def test_consent_page_runs_no_script_and_may_send_its_form_back_to_the_application(
    actor: Actor,
) -> None:
    page = actor.see_consent()

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self' http://127.0.0.1:8000" in policy
    assert " style=" not in page.text
    assert "<script" not in page.text


def test_consent_page_escapes_the_values_of_the_request(actor: Actor) -> None:
    page = actor.see_consent(device_name="<b>x</b>", state="\"><i>'")

    assert "&lt;b&gt;x&lt;/b&gt;" in page.text
    assert "<b>x</b>" not in page.text
    assert "<i>'" not in page.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client_id": "0" * 32}, "Неизвестное приложение"),
        ({"redirect_uri": "http://127.0.0.1:8000/elsewhere"}, "redirect_uri не совпадает"),
        ({"redirect_uri": "http://127.0.0.1:8001/lk/integrations/yandex/callback"}, "redirect_uri"),
        ({"state": "s" * 1025}, "1024"),
    ],
)
def test_request_of_a_wrong_application_ends_on_a_400_page(
    actor: Actor, change: dict[str, str], words: str
) -> None:
    page = actor.see_consent(**change)

    assert page.status_code == 400
    assert words in page.text
    assert "Location" not in page.headers


def test_query_of_the_redirect_address_is_kept_and_not_compared(actor: Actor) -> None:
    address = actor.sandbox.options.redirect_uris[0] + "?from=lk"

    answer = actor.decide(redirect_uri=address)

    assert answer["from"] == "lk"
    assert answer["state"] == "st4te"
    assert len(answer["code"]) == 16


def test_refusal_redirects_with_access_denied_and_state(actor: Actor) -> None:
    answer = actor.decide("deny")

    assert answer["error"] == "access_denied"
    assert answer["state"] == "st4te"
    assert "code" not in answer


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"scope": "metrika:read disk:read"}, "invalid_scope"),
        ({"device_id": "short"}, "invalid_request"),
        ({"code_challenge": "tiny"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
    ],
)
def test_malformed_request_redirects_with_an_error(
    actor: Actor, change: dict[str, str], error: str
) -> None:
    answer = returned(actor.see_consent(**change))

    assert answer["error"] == error
    assert answer["state"] == "st4te"


def test_remembered_consent_skips_the_page_unless_it_is_forced(actor: Actor) -> None:
    straight = actor.see_consent(force_confirm="no")
    forced = actor.see_consent(force_confirm="yes")

    assert "code" in returned(straight)
    assert forced.status_code == 200


def test_another_browser_is_asked_although_the_person_consented(
    sandbox: RunningSandbox, actor: Actor
) -> None:
    other = Actor(sandbox)

    page = other.see_consent(force_confirm="no")

    assert page.status_code == 200
    other.browser.close()


def test_code_is_exchanged_once(actor: Actor) -> None:
    code = actor.decide()["code"]

    first = actor.exchange(code)
    second = actor.exchange(code)

    answer = first.json()
    assert first.status_code == 200
    assert answer["access_token"].startswith("y0_")
    assert len(answer["access_token"]) >= 53
    assert answer["refresh_token"].startswith("1:")
    assert answer["refresh_token"].count(":") == 3
    assert answer["expires_in"] == 31536000
    assert answer["token_type"] == "bearer"
    assert "scope" not in answer
    assert second.status_code == 400
    assert second.json() == {"error": "invalid_grant", "error_description": "Code has expired"}


@pytest.mark.parametrize(("seconds", "status"), [(590, 200), (600, 400)])
def test_code_is_valid_for_ten_minutes(actor: Actor, seconds: int, status: int) -> None:
    code = actor.decide()["code"]

    control(actor.sandbox, "clock", advance_seconds=seconds)

    assert actor.exchange(code).status_code == status


def test_matching_verifier_is_accepted(actor: Actor) -> None:
    code = actor.decide(**PROMISE)["code"]

    assert actor.exchange(code, code_verifier=VERIFIER).status_code == 200


def test_plain_challenge_is_its_own_verifier(actor: Actor) -> None:
    code = actor.decide(code_challenge=VERIFIER, code_challenge_method="plain")["code"]

    assert actor.exchange(code, code_verifier=VERIFIER).status_code == 200


@pytest.mark.parametrize(
    ("promise", "shown"),
    [
        (PROMISE, {}),
        (PROMISE, {"code_verifier": "x" * 43}),
        (PROMISE, {"code_verifier": CHALLENGE}),
        ({}, {"code_verifier": VERIFIER}),
    ],
)
def test_verifier_that_does_not_match_is_refused_and_spends_the_code(
    actor: Actor, promise: dict[str, str], shown: dict[str, str]
) -> None:
    code = actor.decide(**promise)["code"]

    refused = actor.exchange(code, **shown)
    again = actor.exchange(code, code_verifier=VERIFIER)

    assert refused.json()["error"] == "invalid_grant"
    assert again.json()["error"] == "invalid_grant"
