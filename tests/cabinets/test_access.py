"""Who has no cabinet, who may only look, and what a browser may keep."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from counters.models import Counter
from tests import factories

SIGN_OUT = 'action="/accounts/logout/"'


def signed_in(**fields: bool) -> Client:
    client = Client()
    client.force_login(factories.make_user(username="newcomer", **fields))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["integrations:dashboard", "counters:list", "cabinets:source-add"])
def test_person_without_a_cabinet_is_told_so_and_may_leave(page: str) -> None:
    answer = signed_in().get(reverse(page))

    html = answer.content.decode()
    assert answer.status_code == 403
    assert "Вас ещё не добавили ни в один кабинет" in html
    assert "Вы вошли как newcomer" in html
    assert SIGN_OUT in html
    assert reverse("admin:index") not in html


@pytest.mark.django_db
def test_support_without_a_cabinet_is_shown_its_desk() -> None:
    html = signed_in(is_staff=True).get(reverse("counters:list")).content.decode()

    assert f'href="{reverse("admin:index")}"' in html


def test_page_that_refuses_lets_one_sign_in_as_somebody_else(viewer_client: Client) -> None:
    answer = viewer_client.get(reverse("cabinets:source-add"))

    assert answer.status_code == 403
    assert SIGN_OUT in answer.content.decode()


@pytest.mark.parametrize("name", ["integrations:dashboard", "calls:history", "counters:settings"])
def test_nobody_keeps_pages_of_a_cabinet(owner_client: Client, counter: Counter, name: str) -> None:
    args = [] if name == "integrations:dashboard" else [counter.pk]

    answer = owner_client.get(reverse(name, args=args))

    assert answer["Cache-Control"] == "private, no-store"


def test_nobody_keeps_the_page_that_shows_a_secret(owner_client: Client) -> None:
    assert "no-store" in owner_client.get(reverse("cabinets:source-add"))["Cache-Control"]
