"""A token that no key opens affects its own link only, and relinking replaces it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import TextField, Value
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cabinets.models import Cabinet
from cabinets.sealing import SEAL_PREFIX
from counters.models import Counter
from integrations import api_call
from integrations.models import YandexAccount
from integrations.tokens import refresh
from tests import factories
from tests.integrations.yandex_id import ACCESS, REFRESH, UID, YandexId, open_callback, start

UNREADABLE = Value(SEAL_PREFIX + "gAAAAA", output_field=TextField())


def make_unreadable(account: YandexAccount) -> YandexAccount:
    YandexAccount.objects.filter(pk=account.pk).update(
        access_token=UNREADABLE, refresh_token=UNREADABLE
    )
    return account


@pytest.fixture
def unreadable(cabinet: Cabinet) -> YandexAccount:
    long_ago = timezone.now() - timedelta(days=100)
    return make_unreadable(
        factories.make_account(cabinet=cabinet, yandex_uid=UID, token_issued_at=long_ago)
    )


def test_other_accounts_are_refreshed(unreadable: YandexAccount) -> None:
    other = factories.make_account(
        cabinet=factories.make_cabinet(name="Клиника"), token_issued_at=unreadable.token_issued_at
    )

    assert other.pk in refresh.due(timezone.now())


@pytest.mark.parametrize(
    "name", ["integrations:dashboard", "counters:list", "counters:settings", "calls:history"]
)
def test_pages_of_its_cabinet_open(
    owner_client: Client, unreadable: YandexAccount, yandex_id: YandexId, name: str
) -> None:
    counter = factories.make_counter(account=unreadable)
    is_counter_page = name in ("counters:settings", "calls:history")

    answer = owner_client.get(reverse(name, args=[counter.pk] if is_counter_page else []))

    assert answer.status_code == 200


def test_reconnecting_replaces_the_token(
    owner_client: Client, unreadable: YandexAccount, yandex_id: YandexId
) -> None:
    yandex_id.allows()
    sent = start(owner_client, reverse("integrations:link-reauthorise", args=[unreadable.pk]))

    open_callback(owner_client, code="1", state=sent["state"])

    account = YandexAccount.objects.get()
    assert (account.access_token, account.refresh_token) == (ACCESS, REFRESH)
    assert yandex_id.forms("/revoke_token") == []


def test_disconnecting_deletes_the_token(
    owner_client: Client, unreadable: YandexAccount, yandex_id: YandexId
) -> None:
    owner_client.post(reverse("integrations:account-disconnect", args=[unreadable.pk]))

    unreadable.refresh_from_db()
    assert (unreadable.state, unreadable.access_token, unreadable.refresh_token) == (
        "disconnected",
        "",
        "",
    )
    assert len(yandex_id.calls) == 0


def test_another_cabinet_of_the_same_login_disconnects(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    mine = factories.make_account(cabinet=cabinet, yandex_uid=UID)
    make_unreadable(
        factories.make_account(cabinet=factories.make_cabinet(name="Клиника"), yandex_uid=UID)
    )
    yandex_id.revokes()

    owner_client.post(reverse("integrations:account-disconnect", args=[mine.pk]))

    assert len(yandex_id.forms("/revoke_token")) == 1


def test_call_to_metrika_says_to_reconnect(
    owner_client: Client, unreadable: YandexAccount, counter: Counter
) -> None:
    with pytest.raises(api_call.MetrikaUnavailable, match="не читается: переподключите"):
        api_call.call_metrika(
            YandexAccount.objects.get(pk=unreadable.pk), lambda client: client.counters()
        )
