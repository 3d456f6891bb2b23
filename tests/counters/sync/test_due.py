"""Which accounts are due for a refresh of their counters, and the tasks that run it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from counters import tasks
from counters.models import Counter
from counters.sync import refresh
from integrations.models import YandexAccount
from integrations.signals import account_reconnected
from tests import factories


@pytest.fixture
def okna_counter(okna: YandexAccount) -> Counter:
    return factories.make_counter(account=okna, number=91234567)


def test_account_is_due_once_an_hour_and_claimed_once(okna_counter: Counter) -> None:
    account = okna_counter.account
    now = timezone.now()
    YandexAccount.objects.filter(pk=account.pk).update(counters_refreshed_at=now)

    assert refresh.due(now + timedelta(minutes=59, seconds=59)) == []
    assert not refresh.refresh_account(account.pk, now=now + timedelta(minutes=59))
    assert refresh.due(now + timedelta(hours=1)) == [account.pk]
    assert refresh.refresh_account(account.pk, now=now + timedelta(hours=1))
    assert not refresh.refresh_account(account.pk, now=now + timedelta(hours=1))


@pytest.mark.parametrize(
    "state", [YandexAccount.State.REAUTH_REQUIRED, YandexAccount.State.DISCONNECTED]
)
def test_unusable_account_is_not_due(account: YandexAccount, state: str) -> None:
    factories.make_counter(account=account)
    YandexAccount.objects.filter(pk=account.pk).update(
        state=state, access_token="", refresh_token=""
    )

    assert refresh.due(timezone.now()) == []


def test_account_of_a_cabinet_without_counters_is_not_due(account: YandexAccount) -> None:
    assert refresh.due(timezone.now()) == []


def test_reconnected_account_is_due(account: YandexAccount) -> None:
    factories.make_counter(account=account)
    YandexAccount.objects.filter(pk=account.pk).update(counters_refreshed_at=timezone.now())

    account_reconnected.send(sender=YandexAccount, account=account)

    assert refresh.due(timezone.now()) == [account.pk]


def test_one_task_is_started_for_every_due_account(
    okna: YandexAccount, okna_counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    YandexAccount.objects.update(counters_refreshed_at=None)
    started: list[int] = []
    monkeypatch.setattr(tasks.refresh_account, "delay", started.append)

    assert tasks.refresh_counters() == 1

    assert started == [okna.pk]
    assert tasks.refresh_account(okna.pk) is True
