"""Disconnecting an account. S-numbers as in test_start."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.contrib.messages import get_messages
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent
from counters.models import Counter
from integrations.models import YandexAccount
from tests import factories
from tests.integrations.yandex_id import YandexId


def disconnect_url(account: YandexAccount) -> str:
    return reverse("integrations:account-disconnect", args=[account.pk])


def test_confirmation_page_lists_the_consequences_and_changes_nothing(
    owner_client: Client, account: YandexAccount, counter: Counter, yandex_id: YandexId
) -> None:
    answer = owner_client.get(disconnect_url(account))

    page = answer.content.decode()
    assert "Счетчиков, в которые перестанут уходить звонки: 1." in page
    assert "Счетчики, их настройки и история останутся в кабинете." in page
    account.refresh_from_db()
    assert account.state == "active"
    assert len(yandex_id.calls) == 0


def test_disconnecting_revokes_and_deletes_the_tokens(
    owner_client: Client, account: YandexAccount, counter: Counter, yandex_id: YandexId
) -> None:
    token = account.access_token
    yandex_id.revokes()

    answer = owner_client.post(disconnect_url(account))

    account.refresh_from_db()
    assert answer["Location"] == reverse("counters:list")
    assert (account.state, account.access_token, account.refresh_token) == ("disconnected", "", "")
    assert account.disconnected_at is not None
    assert [form["access_token"] for form in yandex_id.forms("/revoke_token")] == [token]
    assert Counter.objects.get().removed_at is None


@pytest.mark.parametrize("outage", ["html", "unreachable", "refused"])
def test_tokens_are_deleted_even_when_yandex_does_not_revoke_them(
    owner_client: Client, account: YandexAccount, yandex_id: YandexId, outage: str
) -> None:
    """S-39; the message links to the page where the person can revoke the access."""
    if outage == "html":
        yandex_id.is_down("/revoke_token")
    elif outage == "refused":
        yandex_id.refuses("unsupported_token_type", "/revoke_token")
    else:
        yandex_id.cannot_be_reached("/revoke_token")

    answer = owner_client.post(disconnect_url(account))

    account.refresh_from_db()
    assert (account.state, account.access_token, account.refresh_token) == ("disconnected", "", "")
    (message,) = [str(one) for one in get_messages(answer.wsgi_request)]
    assert "https://id.yandex.ru/personal/data-access" in message


def test_token_that_another_cabinet_uses_is_not_revoked(
    owner_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    """S-27: Yandex may issue one token twice."""
    other = factories.make_account(
        cabinet=factories.make_cabinet(name="Агентство"),
        yandex_uid=account.yandex_uid,
        access_token=account.access_token,
    )
    token = other.access_token

    owner_client.post(disconnect_url(account))

    account.refresh_from_db()
    other.refresh_from_db()
    assert account.access_token == ""
    assert other.access_token == token
    assert len(yandex_id.calls) == 0


def test_disconnecting_is_in_the_audit_trail(
    owner_client: Client, owner: User, account: YandexAccount, yandex_id: YandexId
) -> None:
    """S-46"""
    token = account.access_token
    yandex_id.revokes()

    owner_client.post(disconnect_url(account))

    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("account.disconnect", owner)
    assert (event.before["state"], event.after["state"]) == ("active", "disconnected")
    assert event.after["yandex_uid"] == account.yandex_uid
    assert token not in str(event.before) + str(event.after)


def test_viewer_cannot_disconnect(
    viewer_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    assert viewer_client.post(disconnect_url(account)).status_code == 403

    account.refresh_from_db()
    assert account.state == "active"


def test_account_of_another_cabinet_is_not_found(
    stranger_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    """S-29"""
    assert stranger_client.get(disconnect_url(account)).status_code == 404
    assert stranger_client.post(disconnect_url(account)).status_code == 404

    account.refresh_from_db()
    assert account.state == "active"


def test_disconnected_account_is_not_disconnected_twice(
    owner_client: Client, account: YandexAccount, yandex_id: YandexId
) -> None:
    yandex_id.revokes()
    owner_client.post(disconnect_url(account))

    assert owner_client.post(disconnect_url(account)).status_code == 404
    assert AuditEvent.objects.count() == 1


@pytest.mark.parametrize("kept", ["access_token", "refresh_token"])
def test_database_refuses_a_token_of_a_disconnected_account(
    account: YandexAccount, kept: str
) -> None:
    """S-39"""
    disconnected = {"state": "disconnected", "access_token": "", "refresh_token": ""}

    with pytest.raises(IntegrityError, match="account_disconnected_has_no_token"):
        YandexAccount.objects.filter(pk=account.pk).update(**disconnected | {kept: "1:a:b:c"})
