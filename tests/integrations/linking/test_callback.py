"""The callback: an attempt is used once, within ten minutes. S-numbers as in test_start."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta
from threading import Barrier

import pytest
import time_machine
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.test import Client
from django.utils import timezone

from integrations.linking.errors import LinkFailed, LinkFailure
from integrations.linking.rate_limit import PER_PERSON
from integrations.linking.state import Actor, create_attempt, pop_attempt
from integrations.models import LinkAttempt, YandexAccount
from integrations.yandex.oauth import challenge_for
from tests import factories
from tests.integrations.linking.refusals import assert_refused
from tests.integrations.yandex_id import (
    YandexId,
    open_callback,
    result_of,
    start,
    token_answer,
)
from tests.rate_limits import enforce_rate_limits


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
            together.wait(timeout=60)
            try:
                return pop_attempt(actor, state=state, now=now).mode
            except LinkFailed as failed:
                return failed.reason

    with ThreadPoolExecutor(2) as pool:
        outcomes = [future.result() for future in [pool.submit(race) for _ in range(2)]]

    assert sorted(outcomes) == ["add", "state_unknown"]


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


def test_too_many_callbacks_are_refused(
    owner_client: Client, yandex_id: YandexId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-44"""
    enforce_rate_limits(monkeypatch)
    with time_machine.travel(timezone.now(), tick=False):
        for _ in range(PER_PERSON):
            open_callback(owner_client, code="1", state="guess")

        answer = open_callback(owner_client, code="1", state="guess")

    assert_refused(answer, yandex_id, LinkFailure.TOO_MANY)
