from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from counters.models import Counter
from devtools.sandbox import RunningSandbox
from integrations.models import YandexAccount
from tests import factories
from tests.devtools.sandbox.actor import control
from tests.responses import messages_of

NUMBER = 91234567
SETTINGS = "/lk/integrations/yandex/counters/{pk}"
LIST = "/lk/integrations/yandex"
CHECK = "Проверить сейчас"


@pytest.fixture
def lost_counter(okna: YandexAccount) -> Counter:
    """A counter without access; its account was refreshed a minute ago and is not due."""
    YandexAccount.objects.filter(pk=okna.pk).update(
        counters_refreshed_at=timezone.now() - timedelta(minutes=1)
    )
    return factories.make_counter(account=okna, number=NUMBER, access=Counter.Access.LOST)


def check_url(account: YandexAccount) -> str:
    return f"/lk/integrations/yandex/accounts/{account.pk}/check"


def test_regained_access_is_saved_and_reported(
    owner_client: Client, okna: YandexAccount, lost_counter: Counter
) -> None:
    response = owner_client.post(check_url(okna))

    lost_counter.refresh_from_db()
    assert response["Location"] == LIST
    assert messages_of(response) == ["Проверено: доступ ко всем счетчикам аккаунта есть."]
    assert lost_counter.access == Counter.Access.OK


def test_counters_still_without_access_are_named(
    owner_client: Client, okna: YandexAccount, lost_counter: Counter, sandbox: RunningSandbox
) -> None:
    control(sandbox, f"people/okna-stolica/counters/{NUMBER}", permission="none")

    response = owner_client.post(check_url(okna))

    lost_counter.refresh_from_db()
    assert messages_of(response) == [
        f"Проверено: доступа по-прежнему нет к счетчикам «{lost_counter.name}»."
    ]
    assert lost_counter.access == Counter.Access.LOST


def test_unavailable_metrika_is_reported_and_changes_nothing(
    owner_client: Client, okna: YandexAccount, lost_counter: Counter, sandbox: RunningSandbox
) -> None:
    sandbox.world.faults.add({"name": "html_5xx", "times": None})

    response = owner_client.post(check_url(okna))

    lost_counter.refresh_from_db()
    assert messages_of(response) == ["Метрика сейчас не отвечает. Повторите через несколько минут."]
    assert lost_counter.access == Counter.Access.LOST


def test_second_check_within_seconds_makes_no_request(
    owner_client: Client, okna: YandexAccount, lost_counter: Counter, sandbox: RunningSandbox
) -> None:
    owner_client.post(check_url(okna))
    control(sandbox, f"people/okna-stolica/counters/{NUMBER}", permission="none")

    owner_client.post(check_url(okna))

    lost_counter.refresh_from_db()
    assert lost_counter.access == Counter.Access.OK


def test_account_to_reconnect_is_reported_without_a_request(
    owner_client: Client, okna: YandexAccount, lost_counter: Counter
) -> None:
    YandexAccount.objects.filter(pk=okna.pk).update(state=YandexAccount.State.REAUTH_REQUIRED)

    response = owner_client.post(check_url(okna))

    lost_counter.refresh_from_db()
    assert messages_of(response) == [
        "Яндекс больше не принимает доступ этого аккаунта: переподключите его."
    ]
    assert lost_counter.access == Counter.Access.LOST


def test_check_button_is_shown_only_without_access(
    owner_client: Client, lost_counter: Counter
) -> None:
    listed = owner_client.get(LIST).content.decode()
    window = owner_client.get(SETTINGS.format(pk=lost_counter.pk)).content.decode()
    lost_counter.access = Counter.Access.OK
    lost_counter.save()

    assert listed.count(CHECK) == 2
    assert window.count(CHECK) == 1
    assert CHECK not in owner_client.get(LIST).content.decode()


def test_viewer_has_no_check_button_and_gets_403(
    viewer_client: Client, okna: YandexAccount, lost_counter: Counter
) -> None:
    listed = viewer_client.get(LIST).content.decode()

    assert CHECK not in listed
    assert viewer_client.post(check_url(okna)).status_code == 403
    lost_counter.refresh_from_db()
    assert lost_counter.access == Counter.Access.LOST


def test_account_of_another_cabinet_is_404(
    stranger_client: Client, okna: YandexAccount, lost_counter: Counter
) -> None:
    assert stranger_client.post(check_url(okna)).status_code == 404


def test_check_by_get_is_refused(owner_client: Client, okna: YandexAccount) -> None:
    assert owner_client.get(check_url(okna)).status_code == 405
