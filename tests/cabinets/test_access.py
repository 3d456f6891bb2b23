"""Users without a cabinet, viewers, and caching of pages."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from counters.models import Counter
from tests import factories

SIGN_OUT = 'action="/accounts/logout/"'


def client_of_new_user(**fields: bool) -> Client:
    client = Client()
    client.force_login(factories.make_user(username="newcomer", **fields))
    return client


@pytest.mark.django_db
@pytest.mark.parametrize("page", ["integrations:dashboard", "counters:list", "cabinets:source-add"])
def test_user_without_a_cabinet_gets_403_and_can_sign_out(page: str) -> None:
    answer = client_of_new_user().get(reverse(page))

    html = answer.content.decode()
    assert answer.status_code == 403
    assert "Вы не состоите ни в одном кабинете" in html
    assert "Вы вошли как newcomer" in html
    assert SIGN_OUT in html
    assert reverse("admin:index") not in html


@pytest.mark.django_db
def test_staff_without_a_cabinet_gets_a_link_to_the_admin() -> None:
    html = client_of_new_user(is_staff=True).get(reverse("counters:list")).content.decode()

    assert f'href="{reverse("admin:index")}"' in html


def test_403_page_has_a_sign_out_button(viewer_client: Client) -> None:
    answer = viewer_client.get(reverse("cabinets:source-add"))

    assert answer.status_code == 403
    assert SIGN_OUT in answer.content.decode()


@pytest.mark.parametrize("name", ["integrations:dashboard", "calls:history", "counters:settings"])
def test_pages_of_a_cabinet_are_not_cached(
    owner_client: Client, counter: Counter, name: str
) -> None:
    args = [] if name == "integrations:dashboard" else [counter.pk]

    answer = owner_client.get(reverse(name, args=args))

    assert answer["Cache-Control"] == "private, no-store"


def test_page_that_shows_a_secret_is_not_cached(owner_client: Client) -> None:
    assert "no-store" in owner_client.get(reverse("cabinets:source-add"))["Cache-Control"]
