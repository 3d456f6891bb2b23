"""A token that no key opens concerns its own link only, and linking anew mends it."""

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
from tests.integrations.yandex_id import ACCESS, REFRESH, UID, YandexId, come_back, start

SPOILT = Value(SEAL_PREFIX + "gAAAAA", output_field=TextField())


def spoil(account: YandexAccount) -> YandexAccount:
    YandexAccount.objects.filter(pk=account.pk).update(access_token=SPOILT, refresh_token=SPOILT)
    return account


@pytest.fixture
def spoilt(cabinet: Cabinet) -> YandexAccount:
    long_ago = timezone.now() - timedelta(days=100)
    return spoil(factories.make_account(cabinet=cabinet, yandex_uid=UID, token_issued_at=long_ago))


def test_other_accounts_are_refreshed_all_the_same(spoilt: YandexAccount) -> None:
    other = factories.make_account(
        cabinet=factories.make_cabinet(name="Клиника"), token_issued_at=spoilt.token_issued_at
    )

    assert other.pk in refresh.due(timezone.now())


@pytest.mark.parametrize(
    "name", ["integrations:dashboard", "counters:list", "counters:settings", "calls:history"]
)
def test_pages_of_its_cabinet_open(
    owner_client: Client, spoilt: YandexAccount, yandex_id: YandexId, name: str
) -> None:
    counter = factories.make_counter(account=spoilt)
    of_a_counter = name in ("counters:settings", "calls:history")

    answer = owner_client.get(reverse(name, args=[counter.pk] if of_a_counter else []))

    assert answer.status_code == 200


def test_reconnecting_mends_it(
    owner_client: Client, spoilt: YandexAccount, yandex_id: YandexId
) -> None:
    yandex_id.allows()
    asked = start(owner_client, reverse("integrations:link-reauthorise", args=[spoilt.pk]))

    come_back(owner_client, code="1", state=asked["state"])

    mended = YandexAccount.objects.get()
    assert (mended.access_token, mended.refresh_token) == (ACCESS, REFRESH)
    assert yandex_id.asked("/revoke_token") == []


def test_disconnecting_forgets_it(
    owner_client: Client, spoilt: YandexAccount, yandex_id: YandexId
) -> None:
    owner_client.post(reverse("integrations:account-disconnect", args=[spoilt.pk]))

    spoilt.refresh_from_db()
    assert (spoilt.state, spoilt.access_token, spoilt.refresh_token) == ("disconnected", "", "")
    assert len(yandex_id.calls) == 0


def test_another_cabinet_of_the_same_login_disconnects(
    owner_client: Client, cabinet: Cabinet, yandex_id: YandexId
) -> None:
    mine = factories.make_account(cabinet=cabinet, yandex_uid=UID)
    spoil(factories.make_account(cabinet=factories.make_cabinet(name="Клиника"), yandex_uid=UID))
    yandex_id.revokes()

    owner_client.post(reverse("integrations:account-disconnect", args=[mine.pk]))

    assert len(yandex_id.asked("/revoke_token")) == 1


def test_question_through_it_is_answered_with_what_to_do(
    owner_client: Client, spoilt: YandexAccount, counter: Counter
) -> None:
    with pytest.raises(api_call.MetrikaUnavailable, match="не читается: переподключите"):
        api_call.call_metrika(
            YandexAccount.objects.get(pk=spoilt.pk), lambda client: client.counters()
        )
