"""What a callback with a code stores. S-numbers as in test_start."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from integrations.models import YandexAccount
from integrations.signals import account_reconnected
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


@pytest.fixture
def reconnected() -> Iterator[list[tuple[str, bool]]]:
    """Accounts for which account_reconnected was sent, and whether a transaction was open."""
    received: list[tuple[str, bool]] = []

    def receive(account: YandexAccount, **_: object) -> None:
        received.append((account.yandex_uid, connection.in_atomic_block))

    account_reconnected.connect(receive)
    yield received
    account_reconnected.disconnect(receive)


def test_link_is_stored_with_token_and_profile(
    owner_client: Client, owner: User, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    yandex_id.allows()
    before = timezone.now()

    link(owner_client)

    account = cabinet.yandex_accounts.get()
    assert (account.yandex_uid, account.login, account.display_name) == (
        UID,
        "okna-stolica",
        "Окна",
    )
    assert (account.access_token, account.refresh_token) == (ACCESS, REFRESH)
    asked = ["login:info", "metrika:read", "metrika:offline_data", "metrika:write"]
    assert account.scopes == asked
    assert account.state == "active"
    assert account.connected_by == owner
    assert account.expires_at is not None
    year = timedelta(days=365)
    assert before + year <= account.expires_at <= timezone.now() + year


def test_account_reconnected_is_sent_inside_the_transaction(
    owner_client: Client, yandex_id: YandexId, reconnected: list[tuple[str, bool]]
) -> None:
    yandex_id.allows()

    link(owner_client)

    assert reconnected == [(UID, True)]


def test_account_is_identified_by_its_id_and_not_by_its_login(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    """S-24"""
    yandex_id.grants()
    yandex_id.knows(uid="1", login="okna")
    link(owner_client)
    yandex_id.knows(uid="1", login="okna-renamed")
    link(owner_client)
    yandex_id.knows(uid="2", login="okna-renamed")
    link(owner_client)

    logins = cabinet.yandex_accounts.order_by("yandex_uid").values_list("yandex_uid", "login")
    assert list(logins) == [("1", "okna-renamed"), ("2", "okna-renamed")]


def test_token_of_another_application_is_refused(
    owner_client: Client, yandex_id: YandexId, reconnected: list[tuple[str, bool]]
) -> None:
    """S-25"""
    yandex_id.grants()
    yandex_id.knows(client_id="another-application")

    answer = result_of(owner_client, link(owner_client))

    assert answer.status_code == 400
    assert "Доступ выдан другому приложению" in answer.content.decode()
    assert not YandexAccount.objects.exists()
    assert not AuditEvent.objects.exists()
    assert reconnected == []


@pytest.mark.parametrize(
    ("granted", "is_enough"),
    [
        ("login:info metrika:read metrika:offline_data", True),
        ("metrika:read metrika:write", True),
        ("login:info metrika:read", False),
        ("login:info metrika:offline_data", False),
        ("metrika:read metrika:expenses", False),
        ("", False),
    ],
)
def test_link_needs_both_scopes(
    owner_client: Client, yandex_id: YandexId, granted: str, is_enough: bool
) -> None:
    """S-42: our comparison of scopes decides; the library's is switched off."""
    yandex_id.grants(scope=granted)
    yandex_id.knows()

    answer = link(owner_client)

    assert YandexAccount.objects.exists() is is_enough
    if not is_enough:
        page = result_of(owner_client, answer)
        assert page.status_code == 403
        assert "Не хватает прав" in page.content.decode()


def test_granted_scopes_are_stored(owner_client: Client, yandex_id: YandexId) -> None:
    yandex_id.grants(scope="metrika:read metrika:write")
    yandex_id.knows()

    link(owner_client)

    assert YandexAccount.objects.get().scopes == ["metrika:read", "metrika:write"]


def test_account_linked_again_is_updated(
    owner_client: Client,
    cabinet: Cabinet,
    yandex_id: YandexId,
    reconnected: list[tuple[str, bool]],
) -> None:
    account = factories.make_account(
        cabinet=cabinet, yandex_uid=UID, state="reauth_required", state_reason="invalid_grant"
    )
    connected_at = account.connected_at
    yandex_id.allows()

    answer = link(owner_client)

    account.refresh_from_db()
    assert answer["Location"] == reverse("counters:list")
    assert cabinet.yandex_accounts.count() == 1
    assert (account.state, account.state_reason) == ("active", "")
    assert (account.access_token, account.refresh_token) == (ACCESS, REFRESH)
    assert account.connected_at == connected_at
    assert reconnected == [(UID, True)]


def test_disconnected_account_linked_again_keeps_its_counters(
    owner_client: Client, owner: User, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    account = factories.make_account(
        cabinet=cabinet,
        yandex_uid=UID,
        state="disconnected",
        access_token="",
        refresh_token="",
        disconnected_at=timezone.now(),
    )
    counter = factories.make_counter(account=account)
    yandex_id.allows()
    before = timezone.now()

    link(owner_client)

    account.refresh_from_db()
    assert account.state == "active"
    assert account.disconnected_at is None
    assert account.connected_by == owner
    assert account.connected_at >= before
    assert list(account.counters.all()) == [counter]


def test_same_account_may_be_linked_in_two_cabinets(
    owner_client: Client, stranger_client: Client, yandex_id: YandexId
) -> None:
    """S-27: agencies need it; each cabinet has its own row, device and tokens."""
    yandex_id.knows()
    yandex_id.grants(access="y0_first")
    link(owner_client)
    yandex_id.grants(access="y0_second")

    answer = link(stranger_client)

    accounts = YandexAccount.objects.filter(yandex_uid=UID).order_by("pk")
    assert answer.status_code == 303
    assert [account.access_token for account in accounts] == ["y0_first", "y0_second"]
    assert len({account.cabinet_id for account in accounts}) == 2
    assert len({account.device_id for account in accounts}) == 2


def test_reauthorising_with_another_account_changes_nothing(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    """S-28"""
    account = factories.make_account(cabinet=cabinet, state="reauth_required")
    token = account.access_token
    yandex_id.allows()
    sent = start(owner_client, reverse("integrations:link-reauthorise", args=[account.pk]))

    answer = result_of(
        owner_client, open_callback(owner_client, code="7654321", state=sent["state"])
    )

    account.refresh_from_db()
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "Выбран другой аккаунт" in page
    again = reverse("integrations:link-reauthorise", args=[account.pk])
    assert f'<form method="post" action="{again}">' in page
    assert f"Переподключить {account.login}" in page
    assert (account.state, account.access_token) == ("reauth_required", token)
    assert cabinet.yandex_accounts.count() == 1


def test_failed_link_of_a_new_account_offers_no_other_one_again(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    account = factories.make_account(cabinet=cabinet, state="reauth_required")
    yandex_id.allows()
    sent = start(owner_client, reverse("integrations:link-reauthorise", args=[account.pk]))
    open_callback(owner_client, code="7654321", state=sent["state"])

    sent = start(owner_client)
    page = result_of(
        owner_client, open_callback(owner_client, error="access_denied", state=sent["state"])
    ).content.decode()

    assert "Переподключить" not in page
    assert "Подключить ещё раз" in page


def test_reauthorising_with_the_same_account_makes_it_active(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    account = factories.make_account(cabinet=cabinet, yandex_uid=UID, state="reauth_required")
    device = account.device_id
    yandex_id.allows()
    sent = start(owner_client, reverse("integrations:link-reauthorise", args=[account.pk]))

    open_callback(owner_client, code="7654321", state=sent["state"])

    account.refresh_from_db()
    assert (account.state, account.access_token) == ("active", ACCESS)
    assert account.device_id == device


def test_link_and_relink_are_in_the_audit_trail_without_secrets(
    owner_client: Client, owner: User, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    """S-46"""
    yandex_id.allows()
    link(owner_client)
    link(owner_client)

    events = list(AuditEvent.objects.filter(cabinet=cabinet).order_by("pk"))
    assert [event.action for event in events] == ["account.link", "account.relink"]
    assert {event.actor for event in events} == {owner}
    assert {event.after["yandex_uid"] for event in events} == {UID}
    kept = str([(event.before, event.after) for event in events])
    assert ACCESS not in kept
    assert REFRESH not in kept
