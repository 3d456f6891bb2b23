"""No address answers 500, whatever stands in its path, its query or its form.

Addresses come from the resolver and parameters from what each view reads, so that new ones are
tried as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from calls.models import Call, Delivery
from counters.models import Counter
from tests import factories
from tests.admin.conftest import create_all as create_all
from tests.admin.conftest import support as support
from tests.admin.conftest import support_client as support_client
from tests.admin.every_model import CreateAll, admin_url
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.yandex_id import YandexId
from tests.odd_values import FEW_VALUES, KEYS, VALUES, recorded_names, undone
from tests.site import address, routes, set_up

ROUTES = dict(routes())
#: It tells operators of a fault with this status.
OF_OPERATORS = {"readyz"}
FORM = "application/x-www-form-urlencoded"
#: Of a number only the size matters to a form.
FORM_VALUES = [value for value in VALUES if value not in ("9" * 5000, "a%FF", "-1")]
#: Read by Django's own list; the filters come on top.
OF_A_LIST = ("q", "o", "p", "all", "_to_field", "_popup", "_changelist_filters", "e")
OF_AUTOCOMPLETE = ("app_label", "model_name", "field_name", "term", "page")
REGISTRY: dict[type[Model], Any] = dict(admin.site._registry)


@pytest.fixture
def things(counter: Counter, yandex_id: YandexId) -> dict[str, Any]:
    factories.make_goal(counter=counter)
    return set_up(counter)


def faults(client: Client, urls: Iterable[str], form: str | None = None) -> list[str]:
    """Return the addresses that answer with an error of ours; with a form, it is posted there."""
    client.raise_request_exception = False
    found = []
    for url in urls:
        with undone():
            is_form = form is not None
            answer = client.post(url, form, content_type=FORM) if is_form else client.get(url)
        if answer.status_code >= 500:
            found.append(f"{url[:200]} {(form or '')[:200]}")
    return found


def test_query_of_any_value_is_answered(things: dict[str, Any], owner_client: Client) -> None:
    tried, found = set(), []
    for name in sorted(set(ROUTES) - OF_OPERATORS):
        url = address(name, ROUTES[name], things)
        with recorded_names() as names, undone():
            owner_client.get(url)
        tried |= names
        queries = (f"{url}?{one}={value}" for one in sorted(names) for value in VALUES)
        found += faults(owner_client, queries)

    assert found == []
    # The parameters are found: those of a form, of a list, of a callback.
    assert {"date_to", "cursor", "q", "only", "sort", "account", "state", "code"} <= tried


def test_form_of_any_value_is_answered(things: dict[str, Any], owner_client: Client) -> None:
    tried, found = set(), []
    for name in sorted(set(ROUTES) - OF_OPERATORS):
        url = address(name, ROUTES[name], things)
        with recorded_names() as names, undone():
            # An empty form would not be read at all.
            owner_client.post(url, {"one": "1"})
        tried |= names
        for value in FORM_VALUES:
            form = "&".join(f"{one}={value}" for one in sorted(names))
            found += faults(owner_client, [url], form)

    assert found == []
    assert {"defer_unit", "enabled", "number", "region", "username"} <= tried


def test_path_of_any_value_is_answered(things: dict[str, Any], owner_client: Client) -> None:
    found = []
    for route in ROUTES.values():
        if "<" not in route:
            continue
        parts = [part if "<" not in part else None for part in route.split("/")]
        for place in [at for at, part in enumerate(parts) if part is None]:
            for key in KEYS:
                path = [key if at == place else part or "1" for at, part in enumerate(parts)]
                found += faults(owner_client, ["/" + "/".join(path)])

    assert found == []


def test_admin_lists_answer_to_any_parameter(create_all: CreateAll, support_client: Client) -> None:
    create_all()
    found = []
    for model, model_admin in REGISTRY.items():
        url = admin_url(model, "changelist")
        request = support_client.get(url).wsgi_request
        names = ["q", *sorted(model_admin._shown_parameters(request))]
        forms = ["&".join(f"{one}={value}" for one in names) for value in FEW_VALUES]
        found += faults(support_client, (f"{url}?{form}" for form in forms))

    assert found == []


def test_admin_list_answers_to_each_parameter(
    create_all: CreateAll, support_client: Client
) -> None:
    create_all()
    url = admin_url(Delivery, "changelist")
    request = support_client.get(url).wsgi_request
    names = {*OF_A_LIST, *REGISTRY[Delivery]._shown_parameters(request)}

    queries = (f"{url}?{one}={value}" for one in sorted(names) for value in FEW_VALUES)

    assert faults(support_client, queries) == []


@pytest.mark.parametrize("name", ["a" * 255, "a" * 5000, "a%00b"])
def test_sign_in_with_any_name_is_refused(client: Client, db: None, name: str) -> None:
    form = f"username={name}&password=guess"

    assert faults(client, ["/accounts/login/", "/admin/login/"], form) == []


def test_admin_pages_answer_to_any_key(support_client: Client) -> None:
    pages = [(model, "change") for model in REGISTRY]
    pages += [(Call, "history"), (Call, "delete")]
    urls = [admin_url(model, page, "KEY") for model, page in pages]

    assert faults(support_client, (url.replace("KEY", key) for url in urls for key in KEYS)) == []


def test_autocomplete_answers_to_any_parameter(support_client: Client) -> None:
    usual = {"app_label": "calls", "model_name": "delivery", "field_name": "call", "term": "1"}
    forms = [usual | {one: value} for one in OF_AUTOCOMPLETE for value in VALUES]
    queries = ["&".join(f"{name}={text}" for name, text in one.items()) for one in forms]

    assert faults(support_client, (f"/admin/autocomplete/?{query}" for query in queries)) == []
