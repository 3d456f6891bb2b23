"""Switching between the cabinets of a user; a cabinet without membership is refused."""

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


def switch_url(cabinet: Cabinet) -> str:
    return reverse("cabinets:choose", args=[cabinet.pk])


def test_switched_cabinet_is_kept_in_the_session(
    owner_client: Client, cabinet: Cabinet, second: Cabinet
) -> None:
    assert owner_client.get(DASHBOARD).context["cabinet"] == cabinet

    answer = owner_client.post(switch_url(second))

    assert (answer.status_code, answer["Location"]) == (303, DASHBOARD)
    page = owner_client.get(DASHBOARD)
    assert (page.context["cabinet"], page.context["can_manage"]) == (second, False)
    owner_client.post(switch_url(cabinet))
    page = owner_client.get(DASHBOARD)
    assert (page.context["cabinet"], page.context["can_manage"]) == (cabinet, True)


def test_pages_of_the_former_cabinet_are_404(
    owner_client: Client, second: Cabinet, cabinet: Cabinet
) -> None:
    account = factories.make_account(cabinet=cabinet)
    counter = factories.make_counter(account=account)
    settings_page = f"/lk/integrations/yandex/counters/{counter.pk}"
    assert owner_client.get(settings_page).status_code == 200

    owner_client.post(switch_url(second))

    assert owner_client.get(settings_page).status_code == 404


def test_menu_lists_only_the_other_cabinets(
    owner_client: Client, cabinet: Cabinet, second: Cabinet
) -> None:
    page = owner_client.get(DASHBOARD).content.decode()

    assert f'action="{switch_url(second)}"' in page
    assert f'action="{switch_url(cabinet)}"' not in page


def test_user_of_one_cabinet_has_no_cabinet_menu(owner_client: Client, cabinet: Cabinet) -> None:
    page = owner_client.get(DASHBOARD).content.decode()

    assert "/choose" not in page
    assert "Перейти в кабинет" not in page


@pytest.mark.parametrize("is_there", [True, False])
def test_cabinet_without_membership_is_404(
    stranger_client: Client, cabinet: Cabinet, is_there: bool
) -> None:
    own = stranger_client.get(DASHBOARD).context["cabinet"]
    foreign = switch_url(cabinet) if is_there else "/lk/cabinets/999999999/choose"

    assert stranger_client.post(foreign).status_code == 404

    assert stranger_client.get(DASHBOARD).context["cabinet"] == own
    assert not AuditEvent.objects.exists()


def test_user_removed_from_the_chosen_cabinet_gets_the_other(
    owner_client: Client, cabinet: Cabinet, second: Cabinet
) -> None:
    owner_client.post(switch_url(second))

    Membership.objects.filter(cabinet=second).delete()

    assert owner_client.get(DASHBOARD).context["cabinet"] == cabinet


def test_switching_needs_post_and_sign_in(
    client: Client, owner_client: Client, second: Cabinet
) -> None:
    assert owner_client.get(switch_url(second)).status_code == 405
    assert client.post(switch_url(second))["Location"].startswith("/accounts/login/")


def test_switching_needs_a_csrf_token(owner: User, second: Cabinet) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)

    assert client.post(switch_url(second)).status_code == 403
