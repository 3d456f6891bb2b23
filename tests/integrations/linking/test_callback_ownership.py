"""Who may finish an attempt: its own browser, person and cabinet. S-numbers as in test_start."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from cabinets.models import Membership
from integrations.linking.errors import LinkFailure
from integrations.models import LinkAttempt, YandexAccount
from tests import factories
from tests.integrations.linking.refusals import assert_refused
from tests.integrations.yandex_id import (
    YandexId,
    link,
    open_callback,
    start,
)


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
