"""The callback: who may finish an attempt. S-numbers as in test_start."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet, Membership
from callkeeper_metrika.redaction import redact
from integrations.linking.errors import PAGES, LinkFailed, LinkFailure
from integrations.linking.rate_limit import PER_PERSON
from integrations.linking.state import Actor, create_attempt, pop_attempt
from integrations.models import LinkAttempt, YandexAccount
from integrations.yandex.oauth import challenge_for
from tests import factories
from tests.integrations.yandex_id import (
    YandexId,
    link,
    open_callback,
    result_of,
    start,
    token_answer,
)


def assert_refused(answer: object, yandex_id: YandexId, reason: LinkFailure) -> None:
    """Assert that the reason's page was shown, nothing stored and no request made to Yandex."""
    assert answer.status_code == PAGES[reason].status  # type: ignore[attr-defined]
    assert str(PAGES[reason].title) in answer.content.decode()  # type: ignore[attr-defined]
    assert not YandexAccount.objects.exists()
    assert len(yandex_id.calls) == 0


def test_each_failure_has_a_page_of_its_own() -> None:
    assert set(PAGES) == set(LinkFailure)
    assert len({str(page.title) for page in PAGES.values()}) == len(LinkFailure)
    assert len({str(page.text) for page in PAGES.values()}) == len(LinkFailure)


def test_callback_without_state_is_refused(owner_client: Client, yandex_id: YandexId) -> None:
    """S-11"""
    yandex_id.allows()
    start(owner_client)

    answer = open_callback(owner_client, code="7654321")

    assert_refused(answer, yandex_id, LinkFailure.STATE_MISSING)
    assert answer.status_code == 400


def test_unknown_state_is_refused(owner_client: Client, yandex_id: YandexId) -> None:
    """S-11"""
    yandex_id.allows()
    start(owner_client)

    answer = open_callback(owner_client, code="7654321", state="made-up")

    assert_refused(answer, yandex_id, LinkFailure.STATE_UNKNOWN)
    assert answer.status_code == 400


def test_second_callback_with_the_same_state_is_refused(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-11"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    open_callback(owner_client, code="7654321", state=state)

    answer = open_callback(owner_client, code="7654321", state=state)

    assert answer.status_code == 400
    assert "Ссылка недействительна или уже использована" in answer.content.decode()
    assert len(yandex_id.forms("/token")) == 1


@pytest.mark.parametrize(
    ("age", "status"),
    [(timedelta(minutes=9, seconds=55), 303), (timedelta(minutes=10, seconds=5), 400)],
)
def test_attempt_expires_after_ten_minutes(
    owner_client: Client, yandex_id: YandexId, age: timedelta, status: int
) -> None:
    """S-11"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    attempt = LinkAttempt.objects.get()
    LinkAttempt.objects.update(created_at=attempt.created_at - age)

    answer = open_callback(owner_client, code="7654321", state=state)

    assert answer.status_code == status
    assert YandexAccount.objects.exists() is (status == 303)


def test_expired_attempt_has_a_message_of_its_own(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-11"""
    state = start(owner_client)["state"]
    attempt = LinkAttempt.objects.get()
    LinkAttempt.objects.update(created_at=attempt.created_at - timedelta(minutes=11))

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_EXPIRED)


def test_attempt_is_deleted_before_the_code_is_exchanged(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    """S-12: a second callback comes while Yandex is answering the first."""
    second = Client()
    second.cookies = owner_client.cookies
    state = start(owner_client)["state"]
    seen: list[int] = []
    yandex_id.knows()
    yandex_id.meanwhile(
        "/token",
        lambda: seen.append(open_callback(second, code="7654321", state=state).status_code),
        **token_answer(),
    )

    answer = open_callback(owner_client, code="7654321", state=state)

    assert answer.status_code == 303
    assert seen == [400]
    assert len(yandex_id.forms("/token")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_concurrent_callbacks_one_gets_the_attempt() -> None:
    """S-12: two connections, which is all the database sees of two processes."""
    cabinet = factories.make_cabinet()
    actor = Actor(factories.make_member(cabinet=cabinet), cabinet, SessionStore())
    now = timezone.now()
    state = create_attempt(actor, account=None, now=now).state
    together = Barrier(2)

    def race() -> str:
        with closing(connection):
            together.wait(timeout=10)
            try:
                return pop_attempt(actor, state=state, now=now).mode
            except LinkFailed as failed:
                return failed.reason

    with ThreadPoolExecutor(2) as pool:
        outcomes = [future.result() for future in [pool.submit(race) for _ in range(2)]]

    assert sorted(outcomes) == ["add", "state_unknown"]


def test_state_of_another_session_is_refused_and_its_owner_may_finish(
    owner: User, owner_client: Client, yandex_id: YandexId
) -> None:
    """S-13: the same person, another browser."""
    yandex_id.allows()
    state = start(owner_client)["state"]
    other_browser = Client()
    other_browser.force_login(owner)

    answer = open_callback(other_browser, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)
    assert answer.status_code == 400
    assert open_callback(owner_client, code="7654321", state=state).status_code == 303
    assert YandexAccount.objects.exists()


def test_error_in_another_session_does_not_end_the_attempt(
    owner_client: Client, manager: User, yandex_id: YandexId
) -> None:
    """S-13, S-15: knowing the state is not enough to cancel the attempt."""
    state = start(owner_client)["state"]
    other_browser = Client()
    other_browser.force_login(manager)

    answer = open_callback(other_browser, error="access_denied", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)
    yandex_id.allows()
    assert open_callback(owner_client, code="7654321", state=state).status_code == 303


def test_state_of_another_person_is_refused_in_the_same_session(
    owner_client: Client, manager: User, yandex_id: YandexId
) -> None:
    """S-14: even if the session kept its nonce after a change of the person."""
    yandex_id.allows()
    state = start(owner_client)["state"]
    LinkAttempt.objects.update(user=manager)

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_person_who_signed_in_after_another_cannot_finish_their_attempt(
    owner_client: Client, manager: User, yandex_id: YandexId
) -> None:
    """S-14"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    owner_client.logout()
    owner_client.force_login(manager)

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_signed_out_browser_cannot_finish_an_attempt(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-14; and the sign-in page does not get the code in its address."""
    yandex_id.allows()
    state = start(owner_client)["state"]
    owner_client.logout()

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.SIGNED_OUT)
    assert "7654321" not in answer.content.decode()


def test_person_without_the_right_any_more_cannot_finish(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    yandex_id.allows()
    state = start(owner_client)["state"]
    Membership.objects.filter(user=owner).update(role=Membership.Role.VIEWER)

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.NOT_ALLOWED)


def test_attempt_of_another_cabinet_of_the_same_person_is_refused(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    yandex_id.allows()
    state = start(owner_client)["state"]
    LinkAttempt.objects.update(cabinet=factories.make_cabinet(name="Вторая компания"))

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_forged_error_does_not_end_the_attempt(owner_client: Client, yandex_id: YandexId) -> None:
    """S-15"""
    state = start(owner_client)["state"]

    answer = open_callback(owner_client, error="access_denied", state="forged")

    assert_refused(answer, yandex_id, LinkFailure.STATE_UNKNOWN)
    assert LinkAttempt.objects.count() == 1
    yandex_id.allows()
    assert open_callback(owner_client, code="7654321", state=state).status_code == 303


def test_error_without_state_is_refused(owner_client: Client, yandex_id: YandexId) -> None:
    """S-15"""
    start(owner_client)

    answer = open_callback(owner_client, error="access_denied")

    assert_refused(answer, yandex_id, LinkFailure.STATE_MISSING)
    assert LinkAttempt.objects.count() == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("access_denied", LinkFailure.CANCELLED),
        ("unauthorized_client", LinkFailure.APPLICATION_REFUSED),
        ("server_error", LinkFailure.YANDEX_REFUSED),
    ],
)
def test_error_description_of_yandex_is_never_shown(
    owner_client: Client, yandex_id: YandexId, error: str, reason: LinkFailure
) -> None:
    """S-16"""
    state = start(owner_client)["state"]

    answer = open_callback(
        owner_client, error=error, error_description="<b>call 8-800</b>", state=state
    )

    page = result_of(owner_client, answer)
    assert_refused(page, yandex_id, reason)
    assert "8-800" not in page.content.decode() + answer["Location"]
    assert not LinkAttempt.objects.exists()


def test_answer_with_neither_code_nor_error_is_refused(
    owner_client: Client, yandex_id: YandexId
) -> None:
    answer = open_callback(owner_client, state=start(owner_client)["state"])

    assert_refused(result_of(owner_client, answer), yandex_id, LinkFailure.CODE_MISSING)


def test_exchange_sends_the_verifier_of_the_attempt(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-17, S-18: Yandex compares the verifier with the challenge of this attempt."""
    yandex_id.allows()
    start(owner_client)
    sent = start(owner_client)

    open_callback(owner_client, code="7654321", state=sent["state"])

    (form,) = yandex_id.forms("/token")
    assert challenge_for(form["code_verifier"]) == sent["code_challenge"]
    assert form["code"] == "7654321"
    assert form["device_id"] == sent["device_id"]


@pytest.mark.parametrize("name", ["code", "state", "error"])
def test_repeated_parameter_is_refused(
    owner_client: Client, yandex_id: YandexId, name: str
) -> None:
    """S-19"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    query = f"code=7654321&state={state}&{name}=1&{name}=2"

    answer = owner_client.get(f"{reverse('integrations:link-callback')}?{query}")

    assert_refused(answer, yandex_id, LinkFailure.REPEATED_PARAMETERS)
    assert LinkAttempt.objects.count() == 1


def test_code_is_not_in_the_address_after_the_callback(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-20"""
    yandex_id.allows()

    answer = link(owner_client)

    assert answer.status_code == 303
    assert "7654321" not in answer["Location"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_refused_code_is_not_in_the_page(owner_client: Client, yandex_id: YandexId) -> None:
    """S-20"""
    answer = open_callback(owner_client, code="7654321", state="made-up")

    assert "7654321" not in answer.content.decode()
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "https://" not in answer.content.decode().replace("https://id.yandex.ru", "")


@pytest.mark.parametrize("parameters", [{"error": "access_denied"}, {"code": "7654321"}, {}])
def test_failure_of_an_attempt_leaves_no_code_in_the_address(
    owner_client: Client, yandex_id: YandexId, parameters: dict[str, str]
) -> None:
    """S-20: neither the browser's history nor a reload has code or state."""
    yandex_id.refuses("invalid_grant")
    state = start(owner_client)["state"]

    answer = open_callback(owner_client, state=state, **parameters)

    page = result_of(owner_client, answer)
    assert state not in answer["Location"]
    assert "7654321" not in answer["Location"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "no-store" in page["Cache-Control"]


def test_unknown_result_is_not_found(owner_client: Client) -> None:
    assert owner_client.get("/lk/integrations/yandex/link-result/made_up").status_code == 404


def test_result_page_requires_sign_in(owner_client: Client) -> None:
    owner_client.logout()

    answer = owner_client.get("/lk/integrations/yandex/link-result/cancelled")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_redirect_target_does_not_depend_on_parameters(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-08, S-21"""
    yandex_id.allows()
    state = start(owner_client)["state"]

    answer = open_callback(
        owner_client, code="7654321", state=state, next="https://evil.example/", cabinet="99"
    )

    account = YandexAccount.objects.get()
    assert answer["Location"] == reverse("counters:add", args=[account.pk])


def test_attempt_begun_at_another_server_is_refused(
    owner_client: Client, yandex_id: YandexId, settings: Settings
) -> None:
    """S-22"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    settings.YANDEX_OAUTH_URL = "https://oauth.yandex.ru"

    answer = open_callback(owner_client, code="7654321", state=state)

    assert_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_linking_signs_no_user_in_and_creates_none(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    """S-26"""
    yandex_id.allows()
    people = User.objects.count()

    link(owner_client)

    assert User.objects.count() == people
    assert owner_client.session["_auth_user_id"] == str(owner.pk)


def test_access_log_line_of_the_callback_is_masked() -> None:
    """S-33"""
    line = "GET /lk/integrations/yandex/callback?code=7654321&state=Sentinel-State HTTP/1.1"

    assert "7654321" not in redact(line)
    assert "Sentinel" not in redact(line)


def test_callback_is_a_get(owner_client: Client, yandex_id: YandexId) -> None:
    assert owner_client.post(reverse("integrations:link-callback")).status_code == 405
    assert owner_client.head(reverse("integrations:link-callback")).status_code == 405


def test_too_many_callbacks_are_refused(owner_client: Client, yandex_id: YandexId) -> None:
    """S-44"""
    for _ in range(PER_PERSON):
        open_callback(owner_client, code="1", state="guess")

    answer = open_callback(owner_client, code="1", state="guess")

    assert_refused(answer, yandex_id, LinkFailure.TOO_MANY)


def test_message_names_the_linked_account(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    yandex_id.allows()

    answer = link(owner_client)

    texts = [str(message) for message in get_messages(answer.wsgi_request)]
    assert texts == ["Аккаунт okna-stolica подключён."]
