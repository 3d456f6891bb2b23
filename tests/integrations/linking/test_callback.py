"""The way back from Yandex: who may finish an attempt. S-numbers as in test_link_start."""

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
from integrations.linking.state import Actor, create_attempt, pop_attempt
from integrations.models import LinkAttempt, YandexAccount
from integrations.yandex.oauth import challenge_for
from tests import factories
from tests.integrations.yandex_id import (
    YandexId,
    come_back,
    link,
    result_of,
    start,
    token_answer,
)


def is_refused(answer: object, yandex_id: YandexId, reason: LinkFailure) -> None:
    """The page of the reason was shown, nothing was stored and nothing asked of Yandex."""
    assert answer.status_code == PAGES[reason].status  # type: ignore[attr-defined]
    assert str(PAGES[reason].title) in answer.content.decode()  # type: ignore[attr-defined]
    assert not YandexAccount.objects.exists()
    assert len(yandex_id.calls) == 0


def test_each_refusal_has_words_of_its_own() -> None:
    assert set(PAGES) == set(LinkFailure)
    assert len({str(page.title) for page in PAGES.values()}) == len(LinkFailure)
    assert len({str(page.text) for page in PAGES.values()}) == len(LinkFailure)


def test_callback_without_state_is_refused(owner_client: Client, yandex_id: YandexId) -> None:
    """S-11"""
    yandex_id.allows()
    start(owner_client)

    answer = come_back(owner_client, code="7654321")

    is_refused(answer, yandex_id, LinkFailure.STATE_MISSING)
    assert answer.status_code == 400


def test_unknown_state_is_refused(owner_client: Client, yandex_id: YandexId) -> None:
    """S-11"""
    yandex_id.allows()
    start(owner_client)

    answer = come_back(owner_client, code="7654321", state="made-up")

    is_refused(answer, yandex_id, LinkFailure.STATE_UNKNOWN)
    assert answer.status_code == 400


def test_second_callback_with_same_state_is_refused(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-11"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    come_back(owner_client, code="7654321", state=state)

    answer = come_back(owner_client, code="7654321", state=state)

    assert answer.status_code == 400
    assert "Ссылка недействительна или уже использована" in answer.content.decode()
    assert len(yandex_id.asked("/token")) == 1


@pytest.mark.parametrize(
    ("age", "status"),
    [(timedelta(minutes=9, seconds=55), 303), (timedelta(minutes=10, seconds=5), 400)],
)
def test_attempt_lives_ten_minutes(
    owner_client: Client, yandex_id: YandexId, age: timedelta, status: int
) -> None:
    """S-11"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    attempt = LinkAttempt.objects.get()
    LinkAttempt.objects.update(created_at=attempt.created_at - age)

    answer = come_back(owner_client, code="7654321", state=state)

    assert answer.status_code == status
    assert YandexAccount.objects.exists() is (status == 303)


def test_expired_attempt_has_words_of_its_own(owner_client: Client, yandex_id: YandexId) -> None:
    """S-11"""
    state = start(owner_client)["state"]
    attempt = LinkAttempt.objects.get()
    LinkAttempt.objects.update(created_at=attempt.created_at - timedelta(minutes=11))

    answer = come_back(owner_client, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.STATE_EXPIRED)


def test_attempt_is_gone_before_the_code_is_exchanged(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    """S-12: the rival comes while Yandex is answering the first callback."""
    rival = Client()
    rival.cookies = owner_client.cookies
    state = start(owner_client)["state"]
    seen: list[int] = []
    yandex_id.knows()
    yandex_id.meanwhile(
        "/token",
        lambda: seen.append(come_back(rival, code="7654321", state=state).status_code),
        **token_answer(),
    )

    answer = come_back(owner_client, code="7654321", state=state)

    assert answer.status_code == 303
    assert seen == [400]
    assert len(yandex_id.asked("/token")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_callbacks_at_the_same_moment_one_gets_the_attempt() -> None:
    """S-12: two processes, as far as the database can tell."""
    cabinet = factories.make_cabinet()
    actor = Actor(factories.make_member(cabinet=cabinet), cabinet, SessionStore())
    now = timezone.now()
    state = create_attempt(actor, account=None, now=now).state
    together = Barrier(2)

    def rival() -> str:
        with closing(connection):
            together.wait(timeout=10)
            try:
                return pop_attempt(actor, state=state, now=now).mode
            except LinkFailed as refused:
                return refused.reason

    with ThreadPoolExecutor(2) as pool:
        outcomes = [future.result() for future in [pool.submit(rival) for _ in range(2)]]

    assert sorted(outcomes) == ["add", "state_unknown"]


def test_state_of_another_session_is_refused_and_its_owner_may_finish(
    owner: User, owner_client: Client, yandex_id: YandexId
) -> None:
    """S-13: the same person, another browser."""
    yandex_id.allows()
    state = start(owner_client)["state"]
    other_browser = Client()
    other_browser.force_login(owner)

    answer = come_back(other_browser, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)
    assert answer.status_code == 400
    assert come_back(owner_client, code="7654321", state=state).status_code == 303
    assert YandexAccount.objects.exists()


def test_error_in_another_session_ends_nobodys_attempt(
    owner_client: Client, manager: User, yandex_id: YandexId
) -> None:
    """S-13, S-15: whoever saw the state cannot cancel with it."""
    state = start(owner_client)["state"]
    stranger = Client()
    stranger.force_login(manager)

    answer = come_back(stranger, error="access_denied", state=state)

    is_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)
    yandex_id.allows()
    assert come_back(owner_client, code="7654321", state=state).status_code == 303


def test_state_of_another_person_is_refused_in_the_same_session(
    owner_client: Client, manager: User, yandex_id: YandexId
) -> None:
    """S-14: even if the session's nonce should outlive the change of person."""
    yandex_id.allows()
    state = start(owner_client)["state"]
    LinkAttempt.objects.update(user=manager)

    answer = come_back(owner_client, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_person_who_signed_in_after_another_cannot_finish_their_attempt(
    owner_client: Client, manager: User, yandex_id: YandexId
) -> None:
    """S-14"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    owner_client.logout()
    owner_client.force_login(manager)

    answer = come_back(owner_client, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_nobody_cannot_finish_an_attempt(owner_client: Client, yandex_id: YandexId) -> None:
    """S-14; and the sign-in page does not get the code in its address."""
    yandex_id.allows()
    state = start(owner_client)["state"]
    owner_client.logout()

    answer = come_back(owner_client, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.SIGNED_OUT)
    assert "7654321" not in answer.content.decode()


def test_person_who_lost_the_right_cannot_finish(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    yandex_id.allows()
    state = start(owner_client)["state"]
    Membership.objects.filter(user=owner).update(role=Membership.Role.VIEWER)

    answer = come_back(owner_client, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.NOT_ALLOWED)


def test_attempt_of_another_cabinet_of_the_same_person_is_refused(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    yandex_id.allows()
    state = start(owner_client)["state"]
    LinkAttempt.objects.update(cabinet=factories.make_cabinet(name="Вторая компания"))

    answer = come_back(owner_client, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_forged_error_ends_nobodys_attempt(owner_client: Client, yandex_id: YandexId) -> None:
    """S-15"""
    state = start(owner_client)["state"]

    answer = come_back(owner_client, error="access_denied", state="forged")

    is_refused(answer, yandex_id, LinkFailure.STATE_UNKNOWN)
    assert LinkAttempt.objects.count() == 1
    yandex_id.allows()
    assert come_back(owner_client, code="7654321", state=state).status_code == 303


def test_error_without_state_is_refused_as_stateless(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-15"""
    start(owner_client)

    answer = come_back(owner_client, error="access_denied")

    is_refused(answer, yandex_id, LinkFailure.STATE_MISSING)
    assert LinkAttempt.objects.count() == 1


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("access_denied", LinkFailure.CANCELLED),
        ("unauthorized_client", LinkFailure.APPLICATION_REFUSED),
        ("server_error", LinkFailure.YANDEX_REFUSED),
    ],
)
def test_yandexs_words_are_never_shown(
    owner_client: Client, yandex_id: YandexId, error: str, reason: LinkFailure
) -> None:
    """S-16"""
    state = start(owner_client)["state"]

    answer = come_back(
        owner_client, error=error, error_description="<b>call 8-800</b>", state=state
    )

    page = result_of(owner_client, answer)
    is_refused(page, yandex_id, reason)
    assert "8-800" not in page.content.decode() + answer["Location"]
    assert not LinkAttempt.objects.exists()


def test_answer_with_neither_code_nor_error_is_refused(
    owner_client: Client, yandex_id: YandexId
) -> None:
    answer = come_back(owner_client, state=start(owner_client)["state"])

    is_refused(result_of(owner_client, answer), yandex_id, LinkFailure.CODE_MISSING)


def test_exchange_proves_the_attempts_verifier(owner_client: Client, yandex_id: YandexId) -> None:
    """S-17, S-18: Yandex compares the proof with the challenge of this very attempt."""
    yandex_id.allows()
    start(owner_client)
    asked = start(owner_client)

    come_back(owner_client, code="7654321", state=asked["state"])

    (form,) = yandex_id.asked("/token")
    assert challenge_for(form["code_verifier"]) == asked["code_challenge"]
    assert form["code"] == "7654321"
    assert form["device_id"] == asked["device_id"]


@pytest.mark.parametrize("name", ["code", "state", "error"])
def test_repeated_parameter_is_refused(
    owner_client: Client, yandex_id: YandexId, name: str
) -> None:
    """S-19"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    query = f"code=7654321&state={state}&{name}=1&{name}=2"

    answer = owner_client.get(f"{reverse('integrations:link-callback')}?{query}")

    is_refused(answer, yandex_id, LinkFailure.REPEATED_PARAMETERS)
    assert LinkAttempt.objects.count() == 1


def test_callback_leaves_no_code_behind(owner_client: Client, yandex_id: YandexId) -> None:
    """S-20"""
    yandex_id.allows()

    answer = link(owner_client)

    assert answer.status_code == 303
    assert "7654321" not in answer["Location"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_refusal_leaves_no_code_behind(owner_client: Client, yandex_id: YandexId) -> None:
    """S-20"""
    answer = come_back(owner_client, code="7654321", state="made-up")

    assert "7654321" not in answer.content.decode()
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "https://" not in answer.content.decode().replace("https://id.yandex.ru", "")


@pytest.mark.parametrize("answer_of_yandex", [{"error": "access_denied"}, {"code": "7654321"}, {}])
def test_failure_of_an_attempt_leaves_no_code_in_the_address(
    owner_client: Client, yandex_id: YandexId, answer_of_yandex: dict[str, str]
) -> None:
    """S-20: what the browser remembers, and its reload, tell nothing."""
    yandex_id.refuses("invalid_grant")
    state = start(owner_client)["state"]

    answer = come_back(owner_client, state=state, **answer_of_yandex)

    page = result_of(owner_client, answer)
    assert state not in answer["Location"]
    assert "7654321" not in answer["Location"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert "no-store" in page["Cache-Control"]


def test_result_that_we_do_not_know_is_no_page(owner_client: Client) -> None:
    assert owner_client.get("/lk/integrations/yandex/link-result/made_up").status_code == 404


def test_result_is_for_those_who_are_signed_in(owner_client: Client) -> None:
    owner_client.logout()

    answer = owner_client.get("/lk/integrations/yandex/link-result/cancelled")

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_target_after_linking_is_ours_whatever_the_address_says(
    owner_client: Client, yandex_id: YandexId
) -> None:
    """S-08, S-21"""
    yandex_id.allows()
    state = start(owner_client)["state"]

    answer = come_back(
        owner_client, code="7654321", state=state, next="https://evil.example/", cabinet="99"
    )

    account = YandexAccount.objects.get()
    assert answer["Location"] == reverse("counters:add", args=[account.pk])


def test_attempt_sent_to_another_server_is_refused(
    owner_client: Client, yandex_id: YandexId, settings: Settings
) -> None:
    """S-22"""
    yandex_id.allows()
    state = start(owner_client)["state"]
    settings.YANDEX_OAUTH_URL = "https://oauth.yandex.ru"

    answer = come_back(owner_client, code="7654321", state=state)

    is_refused(answer, yandex_id, LinkFailure.STATE_FOREIGN)


def test_linking_signs_nobody_in_and_makes_no_person(
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
    for _ in range(20):
        come_back(owner_client, code="1", state="guess")

    answer = come_back(owner_client, code="1", state="guess")

    is_refused(answer, yandex_id, LinkFailure.TOO_MANY)


def test_person_is_told_which_account_was_linked(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    yandex_id.allows()

    answer = link(owner_client)

    said = [str(message) for message in get_messages(answer.wsgi_request)]
    assert said == ["Аккаунт okna-stolica подключён."]
