"""Attacks on linking: forged parameters, races, other applications. S-numbers as in test_start."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Barrier

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.db.models import ProtectedError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent, Cabinet, Membership
from integrations.linking import rate_limit
from integrations.linking.errors import LinkFailed
from integrations.linking.state import Actor, create_attempt, pop_attempt
from integrations.models import LinkAttempt, YandexAccount
from tests import factories
from tests.integrations.yandex_id import (
    ACCESS,
    REFRESH,
    UID,
    YandexId,
    link,
    open_callback,
    result_of,
    start,
)
from tests.rate_limits import enforce_rate_limits

EVIL = "https://evil.example/"


@pytest.mark.parametrize("name", ["cabinet", "cabinet_id", "tenant", "user", "user_id"])
def test_callback_parameters_choose_no_user_and_no_cabinet(
    owner_client: Client, owner: User, cabinet: Cabinet, yandex_id: YandexId, name: str
) -> None:
    """S-08: Yandex ignores the query of a redirect URI, so anybody may add to it."""
    second = factories.make_cabinet(name="Вторая компания")
    Membership.objects.create(cabinet=second, user=owner, role=Membership.Role.OWNER)
    other = factories.make_member(cabinet=second)
    chosen = str(other.pk if name.startswith("user") else second.pk)
    yandex_id.allows()

    open_callback(owner_client, code="1", state=start(owner_client)["state"], **{name: chosen})

    account = YandexAccount.objects.get()
    assert (account.cabinet, account.connected_by) == (cabinet, owner)


@pytest.mark.parametrize("name", ["uid", "yandex_uid", "id", "login", "account", "mode"])
def test_callback_parameters_choose_no_account(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId, name: str
) -> None:
    """S-08"""
    other = factories.make_account(cabinet=cabinet)
    token = other.access_token
    yandex_id.allows()

    open_callback(
        owner_client, code="1", state=start(owner_client)["state"], **{name: str(other.pk)}
    )

    other.refresh_from_db()
    assert other.access_token == token
    assert cabinet.yandex_accounts.get(yandex_uid=UID).access_token == ACCESS


@pytest.mark.parametrize("is_known", [False, True])
@pytest.mark.parametrize("name", ["next", "target", "redirect", "redirect_uri", "return_to", "url"])
def test_redirect_after_linking_stays_on_our_site(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId, name: str, is_known: bool
) -> None:
    """S-21: at the start and in the callback, as query parameter and as form field."""
    if is_known:
        factories.make_account(cabinet=cabinet, yandex_uid=UID)
    yandex_id.allows()
    yandex_id.revokes()
    started = owner_client.post(f"{reverse('integrations:link-start')}?{name}={EVIL}", {name: EVIL})
    assert EVIL not in started["Location"].replace("%3A", ":").replace("%2F", "/")
    state = start(owner_client)["state"]

    answer = open_callback(owner_client, code="1", state=state, **{name: EVIL})

    added = reverse("counters:add", args=[YandexAccount.objects.get().pk])
    assert answer["Location"] == (reverse("counters:list") if is_known else added)


@pytest.mark.django_db(transaction=True)
def test_of_two_concurrent_callbacks_one_gets_the_attempt() -> None:
    """S-12: twenty races, each of two threads with a connection of their own."""
    cabinet = factories.make_cabinet()
    actor = Actor(factories.make_member(cabinet=cabinet), cabinet, SessionStore())
    now, together = timezone.now(), Barrier(2)

    def race(state: str) -> str:
        with closing(connection):
            together.wait(timeout=60)
            try:
                return pop_attempt(actor, state=state, now=now).mode
            except LinkFailed as failed:
                return failed.reason

    with ThreadPoolExecutor(2) as pool:
        for _ in range(20):
            state = create_attempt(actor, account=None, now=now).state
            assert sorted(pool.map(race, [state, state])) == ["add", "state_unknown"]


@pytest.mark.parametrize(
    "error", ["<script>alert(1)</script>", "made_up", "access_denied", "x" * 999]
)
def test_error_parameters_of_the_callback_are_never_shown(
    owner_client: Client, yandex_id: YandexId, error: str
) -> None:
    """S-16"""
    state = start(owner_client)["state"]
    details = {"error_description": f"<b>{error}</b>", "error_uri": EVIL}

    answer = open_callback(owner_client, error=error, state=state, **details)

    page = result_of(owner_client, answer).content.decode()
    assert error not in page + answer["Location"]
    assert EVIL not in page
    assert "alert(1)" not in page


def test_error_description_of_a_refused_exchange_is_neither_shown_nor_logged(
    owner_client: Client, yandex_id: YandexId, caplog: pytest.LogCaptureFixture
) -> None:
    """S-16"""
    yandex_id.refuses("unauthorized_client")

    page = result_of(owner_client, link(owner_client)).content.decode()

    assert "internal detail of Yandex" not in page + caplog.text
    assert "Яндекс не принимает наше приложение" in page


@pytest.mark.parametrize("client_id", ["another-application", ""])
@pytest.mark.parametrize("is_known", [False, True])
def test_token_of_another_application_changes_nothing(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId, client_id: str, is_known: bool
) -> None:
    """S-25: an existing link stays as it was, too."""
    before = factories.make_account(cabinet=cabinet, yandex_uid=UID) if is_known else None
    yandex_id.grants()
    yandex_id.knows(client_id=client_id)

    page = result_of(owner_client, link(owner_client))

    assert page.status_code >= 400
    kept = [account.access_token for account in YandexAccount.objects.all()]
    assert kept == ([before.access_token] if before else [])
    assert not AuditEvent.objects.exists()


def test_profile_of_yandex_signs_no_user_in(
    owner_client: Client, owner: User, manager: User, yandex_id: YandexId
) -> None:
    """S-26: login and email of the profile are those of another user here."""
    yandex_id.grants()
    profile = {"id": UID, "login": manager.username, "client_id": "test-client-id"}
    yandex_id.replaces("GET", "/info", json=profile | {"default_email": manager.email})
    people = sorted(User.objects.values_list("username", "email"))

    link(owner_client)

    assert owner_client.session["_auth_user_id"] == str(owner.pk)
    assert sorted(User.objects.values_list("username", "email")) == people
    assert YandexAccount.objects.get().connected_by == owner


@pytest.mark.parametrize("action", ["start", "callback"])
def test_attempts_from_one_address_are_limited_over_all_users(
    cabinet: Cabinet,
    yandex_id: YandexId,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
) -> None:
    """S-44: behind the proxy REMOTE_ADDR is always the same, so its X-Forwarded-For counts."""
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    enforce_rate_limits(monkeypatch)
    monkeypatch.setattr(rate_limit, "PER_ADDRESS", 2)

    def statuses(*forwarded_for: str) -> list[int]:
        return [try_once(cabinet, action, one) for one in forwarded_for]

    busy, quiet = "203.0.113.66", "198.51.100.7"
    usual = statuses(quiet)
    assert statuses(busy, busy, f"{quiet}, {busy}", quiet) == [*usual, *usual, 429, *usual]


def try_once(cabinet: Cabinet, action: str, forwarded_for: str) -> int:
    """Make one attempt as a new user from an address; return the status."""
    client = Client(headers={"x-forwarded-for": forwarded_for})
    client.force_login(factories.make_member(cabinet=cabinet))
    if action == "start":
        return client.post(reverse("integrations:link-start")).status_code
    return int(open_callback(client, code="1", state="guess").status_code)


def test_pages_that_begin_or_end_a_link_cannot_be_framed(
    owner_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    """S-45"""
    yandex_id.revokes()
    disconnect = reverse("integrations:account-disconnect", args=[account.pk])
    relink = reverse("integrations:link-reauthorise", args=[account.pk])
    answers = [
        *(owner_client.get(page) for page in (reverse("counters:list"), disconnect)),
        owner_client.get(reverse("integrations:link-result", args=["cancelled"])),
        open_callback(owner_client, code="1", state="guess"),
        *(owner_client.post(page) for page in (relink, disconnect)),
    ]

    assert {answer["X-Frame-Options"] for answer in answers} == {"DENY"}
    assert all("frame-ancestors 'none'" in one["Content-Security-Policy"] for one in answers)


def test_every_change_of_a_link_is_in_the_audit_trail(
    owner_client: Client, owner: User, yandex_id: YandexId
) -> None:
    """S-46"""
    began = timezone.now()
    yandex_id.allows()
    yandex_id.revokes()
    link(owner_client)
    link(owner_client)
    pk = YandexAccount.objects.get().pk
    owner_client.post(reverse("integrations:account-disconnect", args=[pk]))

    events = list(AuditEvent.objects.order_by("pk"))
    actions = ["account.link", "account.relink", "account.disconnect"]
    assert [event.action for event in events] == actions
    assert {(one.actor, one.object_id, one.after["yandex_uid"]) for one in events} == {
        (owner, str(pk), UID)
    }
    assert all(began <= event.at <= timezone.now() for event in events)
    kept = str([(event.before, event.after) for event in events])
    assert not any(secret in kept for secret in (ACCESS, REFRESH, "test-client-secret"))


def test_person_and_cabinet_with_a_link_cannot_be_deleted(
    owner_client: Client, owner: User, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    """S-39: a link has to be disconnected before its person or cabinet is deleted."""
    yandex_id.allows()
    link(owner_client)

    for protected in (owner, cabinet):
        with pytest.raises(ProtectedError):
            protected.delete()

    assert YandexAccount.objects.get().access_token == ACCESS


def test_attempts_are_deleted_with_their_person(
    cabinet: Cabinet, manager: User, yandex_id: YandexId
) -> None:
    """S-39: an unfinished attempt leaves no verifier behind."""
    client = Client()
    client.force_login(manager)
    start(client)

    manager.delete()

    assert not LinkAttempt.objects.exists()
