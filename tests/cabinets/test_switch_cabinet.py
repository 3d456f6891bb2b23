"""A person of several cabinets goes from one to another; nobody enters a foreign one."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent, Cabinet, Membership
from tests import factories

DASHBOARD = "/lk/integrations"


@pytest.fixture
def second(owner: User) -> Cabinet:
    cabinet = factories.make_cabinet(name="Клиника Урал")
    Membership.objects.create(cabinet=cabinet, user=owner, role=Membership.Role.VIEWER)
    return cabinet


def way_to(cabinet: Cabinet) -> str:
    return reverse("cabinets:choose", args=[cabinet.pk])


def test_the_second_cabinet_opens_and_stays_open(
    owner_client: Client, cabinet: Cabinet, second: Cabinet
) -> None:
    assert owner_client.get(DASHBOARD).context["cabinet"] == cabinet

    answer = owner_client.post(way_to(second))

    assert (answer.status_code, answer["Location"]) == (303, DASHBOARD)
    page = owner_client.get(DASHBOARD)
    assert (page.context["cabinet"], page.context["can_manage"]) == (second, False)
    owner_client.post(way_to(cabinet))
    page = owner_client.get(DASHBOARD)
    assert (page.context["cabinet"], page.context["can_manage"]) == (cabinet, True)


def test_pages_of_the_cabinet_left_behind_do_not_exist(
    owner_client: Client, second: Cabinet, cabinet: Cabinet
) -> None:
    account = factories.make_account(cabinet=cabinet)
    counter = factories.make_counter(account=account)
    settings_page = f"/lk/integrations/yandex/counters/{counter.pk}"
    assert owner_client.get(settings_page).status_code == 200

    owner_client.post(way_to(second))

    assert owner_client.get(settings_page).status_code == 404


def test_the_menu_offers_the_other_cabinets_only(
    owner_client: Client, cabinet: Cabinet, second: Cabinet
) -> None:
    page = owner_client.get(DASHBOARD).content.decode()

    assert f'action="{way_to(second)}"' in page
    assert f'action="{way_to(cabinet)}"' not in page


def test_a_person_of_one_cabinet_is_offered_no_choice(
    owner_client: Client, cabinet: Cabinet
) -> None:
    page = owner_client.get(DASHBOARD).content.decode()

    assert "/choose" not in page
    assert "Перейти в кабинет" not in page


@pytest.mark.parametrize("is_there", [True, False])
def test_a_foreign_cabinet_does_not_exist(
    stranger_client: Client, cabinet: Cabinet, is_there: bool
) -> None:
    own = stranger_client.get(DASHBOARD).context["cabinet"]
    foreign = way_to(cabinet) if is_there else "/lk/cabinets/999999999/choose"

    assert stranger_client.post(foreign).status_code == 404

    assert stranger_client.get(DASHBOARD).context["cabinet"] == own
    assert not AuditEvent.objects.exists()


def test_a_person_put_out_of_the_chosen_cabinet_is_back_in_the_other(
    owner_client: Client, cabinet: Cabinet, second: Cabinet
) -> None:
    owner_client.post(way_to(second))

    Membership.objects.filter(cabinet=second).delete()

    assert owner_client.get(DASHBOARD).context["cabinet"] == cabinet


def test_the_way_is_a_post_of_somebody_signed_in(
    client: Client, owner_client: Client, second: Cabinet
) -> None:
    assert owner_client.get(way_to(second)).status_code == 405
    assert client.post(way_to(second))["Location"].startswith("/accounts/login/")


def test_the_choice_is_guarded_against_other_sites(owner: User, second: Cabinet) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    assert client.post(way_to(second)).status_code == 403
