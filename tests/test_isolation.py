"""Every address of the site, taken from the resolver, so that a new one is looked at as well."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from cabinets.models import AuditEvent
from counters.models import Counter
from tests import factories
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.linking.test_journey import TOKEN_SHAPES
from tests.integrations.yandex_id import YandexId
from tests.odd_values import undone
from tests.site import address, routes, set_up

ROUTES = dict(routes())
CABINET = [name for name, route in ROUTES.items() if route.startswith("lk/")]
OF_OBJECTS = [name for name in CABINET if "<int" in ROUTES[name] or "<call_key" in ROUTES[name]]
#: Open to those who are not signed in, each for a reason of its own.
OPEN = {
    "login",
    "account_login",
    "admin/login/",
    "mfa_authenticate",  # after the password
    "mfa_login_webauthn",
    "logout",
    "password_reset",  # the answer never tells whether a login exists
    "password_reset_done",
    "account_reset_password_from_key",  # by the token in its address
    "invitation",  # the same
    "calls:ingest",  # signed by the source
    "calls:hook",  # by its secret address; any other is unknown
    "calls:api-docs",
    "calls:openapi",
    "status",
    "status-data",
    "help:index",  # as the description of the API, to which the errors of the API lead
    "help:page",
    "healthz",
    "readyz",
    "metrics",  # by its token, or from this machine
    "integrations:link-callback",  # refuses, but leads no code to the sign-in page
}
METHODS = ("get", "post")
REFUSED = {403, 405}


@pytest.fixture
def things(counter: Counter, yandex_id: YandexId) -> dict[str, Any]:
    return set_up(counter)


def ask(client: Client, name: str, things: dict[str, Any], method: str) -> Any:
    return getattr(client, method)(address(name, ROUTES[name], things))


def signed_in(person: User) -> Client:
    """A client of its own: the answer to another address may have signed one out."""
    client = Client()
    client.force_login(person)
    return client


def test_the_site_is_found() -> None:
    assert len(CABINET) > 30
    assert len(OF_OBJECTS) > 20
    assert set(ROUTES) > OPEN


def test_stranger_finds_nothing(things: dict[str, Any], stranger: User) -> None:
    """S-29"""
    wrong = {}
    for name in OF_OBJECTS:
        with undone():
            client = signed_in(stranger)
            found = {ask(client, name, things, method).status_code for method in METHODS}
            is_recorded = AuditEvent.objects.exists()
        if not {404} <= found <= {404, 405} or is_recorded:
            wrong[name] = (found, is_recorded)

    assert wrong == {}


#: A viewer's own choice: among the own cabinets, to leave one, of what they are told, of filters
#: they keep and files they download.
OWN_CHOICE = {
    *("calls:filters", "calls:export"),
    *("cabinets:choose", "cabinets:leave"),
    *("notices:choices", "notices:telegram-link", "notices:telegram-unlink"),
}


def test_viewer_changes_nothing(things: dict[str, Any], viewer: User) -> None:
    wrong = {}
    for name in CABINET:
        with undone():
            status = ask(signed_in(viewer), name, things, "post").status_code
            is_recorded = AuditEvent.objects.exclude(action="membership.deleted").exists()
        if status not in (REFUSED if name not in OWN_CHOICE else {200, 302, 303}) or is_recorded:
            wrong[name] = (status, is_recorded)

    assert wrong == {}


def test_nobody_sees_anything_but_the_sign_in(things: dict[str, Any], yandex_id: YandexId) -> None:
    """S-02: nor is anybody sent to Yandex."""
    wrong = {}
    for name, method in product(sorted(set(ROUTES) - OPEN), METHODS):
        with undone():
            answer = ask(Client(), name, things, method)
        leads = str(answer.headers.get("Location", ""))
        is_led_in = leads.startswith(("/accounts/login/?next=", "/lk/integrations"))
        if answer.status_code != 405 and not (answer.status_code == 302 and is_led_in):
            wrong[name, method] = (answer.status_code, leads)

    assert wrong == {}
    assert len(yandex_id.calls) == 0


def test_no_page_shows_a_token(things: dict[str, Any], owner: User, counter: Counter) -> None:
    """S-35"""
    found = {}
    for name in sorted(set(ROUTES) - {"calls:ingest"}):
        with undone():
            answer = ask(signed_in(owner), name, things, "get")
            body = b"".join(answer) if answer.streaming else answer.content
        text = body.decode(errors="replace")  # a workbook is no text
        text += str(dict(answer.headers))
        tokens = (counter.account.access_token, counter.account.refresh_token)
        shapes = [shape.pattern for shape in TOKEN_SHAPES if shape.search(text)]
        found[name] = [token for token in tokens if token in text] + shapes

    assert {name: tokens for name, tokens in found.items() if tokens} == {}


def test_no_page_of_the_admin_shows_a_token(
    client: Client, things: dict[str, Any], counter: Counter
) -> None:
    """S-35"""
    client.force_login(factories.make_user(is_staff=True, is_superuser=True))
    account = f"/admin/integrations/yandexaccount/{counter.account_id}/change/"

    for page in ("/admin/integrations/yandexaccount/", account, "/admin/cabinets/auditevent/"):
        text = client.get(page).content.decode()
        assert counter.account.access_token not in text
        assert [shape.pattern for shape in TOKEN_SHAPES if shape.search(text)] == []


def test_lists_hold_what_is_of_the_own_cabinet(
    things: dict[str, Any], owner_client: Client, stranger_client: Client, counter: Counter
) -> None:
    """S-29: pages that name no object in their address."""

    def seen(client: Client) -> str:
        listed = [name for name in CABINET if "<" not in ROUTES[name]]
        answers = [ask(client, name, things, "get") for name in listed]
        return "".join(answer.content.decode() for answer in answers)

    source = counter.cabinet.call_sources.order_by("pk")[0]
    marks = (counter.account.login, counter.name, source.public_id)
    assert [mark in seen(owner_client) for mark in marks] == [True] * len(marks)
    assert [mark in seen(stranger_client) for mark in marks] == [False] * len(marks)
