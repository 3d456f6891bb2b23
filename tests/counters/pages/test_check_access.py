from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from django.utils import timezone

from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import factories
from tests.devtools.sandbox.actor import control

NUMBER = 91234567
SETTINGS = "/lk/integrations/yandex/counters/{pk}"
LIST = "/lk/integrations/yandex"
CHECK = "Проверить сейчас"


@pytest.fixture
def barred(okna: YandexAccount) -> Counter:
    """A counter that was lost; its account was looked at a minute ago, so the hour is not over."""
    YandexAccount.objects.filter(pk=okna.pk).update(
        counters_refreshed_at=timezone.now() - timedelta(minutes=1)
    )
    return factories.make_counter(account=okna, number=NUMBER, access=Counter.Access.LOST)


def address(account: YandexAccount) -> str:
    return f"/lk/integrations/yandex/accounts/{account.pk}/check"


def said(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def test_access_that_is_back_is_seen_at_once(
    owner_client: Client, okna: YandexAccount, barred: Counter
) -> None:
    response = owner_client.post(address(okna))

    barred.refresh_from_db()
    assert response["Location"] == LIST
    assert said(response) == ["Проверено: доступ ко всем счетчикам аккаунта есть."]
    assert barred.access == Counter.Access.OK


def test_access_that_is_not_back_is_told_by_name(
    owner_client: Client, okna: YandexAccount, barred: Counter, sandbox: RunningSandbox
) -> None:
    control(sandbox, f"people/okna-stolica/counters/{NUMBER}", permission="none")

    response = owner_client.post(address(okna))

    barred.refresh_from_db()
    assert said(response) == [f"Проверено: доступа по-прежнему нет к счетчикам «{barred.name}»."]
    assert barred.access == Counter.Access.LOST


def test_a_silent_metrika_is_told_and_changes_nothing(
    owner_client: Client, okna: YandexAccount, barred: Counter, sandbox: RunningSandbox
) -> None:
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    response = owner_client.post(address(okna))

    barred.refresh_from_db()
    assert said(response) == ["Метрика сейчас не отвечает. Повторите через несколько минут."]
    assert barred.access == Counter.Access.LOST


def test_presses_in_a_row_are_one_look(
    owner_client: Client, okna: YandexAccount, barred: Counter, sandbox: RunningSandbox
) -> None:
    owner_client.post(address(okna))
    control(sandbox, f"people/okna-stolica/counters/{NUMBER}", permission="none")

    owner_client.post(address(okna))

    barred.refresh_from_db()
    assert barred.access == Counter.Access.OK


def test_an_account_to_reconnect_is_not_asked(
    owner_client: Client, okna: YandexAccount, barred: Counter
) -> None:
    YandexAccount.objects.filter(pk=okna.pk).update(state=YandexAccount.State.REAUTH_REQUIRED)

    response = owner_client.post(address(okna))

    barred.refresh_from_db()
    assert said(response) == [
        "Яндекс больше не принимает доступ этого аккаунта: переподключите его."
    ]
    assert barred.access == Counter.Access.LOST


def test_the_button_stands_where_access_is_lost(owner_client: Client, barred: Counter) -> None:
    listed = owner_client.get(LIST).content.decode()
    window = owner_client.get(SETTINGS.format(pk=barred.pk)).content.decode()
    barred.access = Counter.Access.OK
    barred.save()

    assert listed.count(CHECK) == 2
    assert window.count(CHECK) == 1
    assert CHECK not in owner_client.get(LIST).content.decode()


def test_a_viewer_has_no_button_and_may_not_press_it(
    viewer_client: Client, okna: YandexAccount, barred: Counter
) -> None:
    listed = viewer_client.get(LIST).content.decode()

    assert CHECK not in listed
    assert viewer_client.post(address(okna)).status_code == 403
    barred.refresh_from_db()
    assert barred.access == Counter.Access.LOST


def test_a_foreign_account_does_not_exist(
    stranger_client: Client, okna: YandexAccount, barred: Counter
) -> None:
    assert stranger_client.post(address(okna)).status_code == 404


def test_a_link_checks_nothing(owner_client: Client, okna: YandexAccount) -> None:
    assert owner_client.get(address(okna)).status_code == 405
