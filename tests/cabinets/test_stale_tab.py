"""A form opened before the cabinet was switched is refused."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cabinets.models import Cabinet, CallSource, Membership
from integrations.models import LinkAttempt
from tests import factories
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.yandex_id import YandexId

DASHBOARD, LIST = "integrations:dashboard", "counters:list"


@pytest.fixture
def second(owner: User) -> Cabinet:
    cabinet = factories.make_cabinet(name="Клиника Урал")
    Membership.objects.create(cabinet=cabinet, user=owner, role=Membership.Role.OWNER)
    return cabinet


def forms_on(client: Client, page: str, action: str) -> list[dict[str, str]]:
    """Return the hidden values of every form on the page with this action."""
    html = client.get(reverse(page)).content.decode()
    forms = re.findall(rf'<form[^>]*action="{reverse(action)}".*?</form>', html, re.DOTALL)
    return [dict(re.findall(r'type="hidden" name="(\w+)" value="(\w+)"', form)) for form in forms]


@pytest.mark.parametrize("has_account", [False, True])
@pytest.mark.parametrize("page", [DASHBOARD, LIST])
def test_linking_from_a_stale_tab_is_refused(
    owner_client: Client,
    cabinet: Cabinet,
    second: Cabinet,
    yandex_id: YandexId,
    page: str,
    has_account: bool,
) -> None:
    if has_account:
        factories.make_account(cabinet=cabinet)
    stale = forms_on(owner_client, page, "integrations:link-start")
    owner_client.post(reverse("cabinets:choose", args=[second.pk]))

    answers = [owner_client.post(reverse("integrations:link-start"), form) for form in stale]

    assert stale or (has_account and page == DASHBOARD)
    assert [answer.status_code for answer in answers] == [409] * len(stale)
    assert all("Клиника Урал" in answer.content.decode() for answer in answers)
    assert not LinkAttempt.objects.exists()


def test_linking_starts_for_the_chosen_cabinet(
    owner_client: Client, second: Cabinet, yandex_id: YandexId
) -> None:
    owner_client.post(reverse("cabinets:choose", args=[second.pk]))
    # That of the card and that of the first steps.
    forms = forms_on(owner_client, DASHBOARD, "integrations:link-start")

    answers = [owner_client.post(reverse("integrations:link-start"), form) for form in forms]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert {attempt.cabinet for attempt in LinkAttempt.objects.all()} == {second}


def test_source_from_a_stale_tab_is_not_created(owner_client: Client, second: Cabinet) -> None:
    (form,) = forms_on(owner_client, "cabinets:source-add", "cabinets:source-add")
    owner_client.post(reverse("cabinets:choose", args=[second.pk]))
    filled = form | {"name": "CRM", "time_zone": "Europe/Moscow"}

    answer = owner_client.post(reverse("cabinets:source-add"), filled)

    assert answer.status_code == 409
    assert "Выбран другой кабинет" in answer.content.decode()
    assert not CallSource.objects.exists()
