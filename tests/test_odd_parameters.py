"""No address answers 500, whatever stands in its path, its query or its form.

Addresses come from the resolver and parameters from what each view reads, so that new ones are
tried as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unittest import mock

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
from tests.odd_values import (
    CURSORS,
    FEW_VALUES,
    KEYS,
    VALUES,
    recorded_names,
    refused_fields,
    undone,
)
from tests.site import address, routes, set_up

ROUTES = dict(routes())
#: It tells operators of a fault with this status.
OF_OPERATORS = {"readyz"}
FORM = "application/x-www-form-urlencoded"
#: Of a number only the size matters to a form, and none has a cursor.
FORM_VALUES = [one for one in VALUES if one not in ("9" * 5000, "a%FF", "-1", "0001-01-01")]
#: Refuses the whole request when it is not the cabinet of the session: asked apart.
GATE = "cabinet"
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
    return [f"{url[:200]} {(form or '')[:200]}" for url in urls if asked(client, url, form) >= 500]


def asked(client: Client, url: str, form: str | None = None) -> int:
    """Return the status of the answer, and undo what the request wrote."""
    return int(answer_of(client, url, form).status_code)


def answer_of(client: Client, url: str, form: str | None) -> Any:
    client.raise_request_exception = False
    with undone():
        if form is None:
            return client.get(url)
        return client.post(url, form, content_type=FORM)


def culprits_of_values(
    client: Client, url: str, names: set[str], values: Iterable[str], method: str
) -> list[str]:
    """Return the culprits of each value; cursors are given to a parameter of that name."""
    groups = [one for one in (names - {GATE}, names & {GATE}) if one]
    tried = [(group, value) for group in groups for value in values]
    if "cursor" in names:
        tried += [({"cursor"}, value) for value in CURSORS]
    return [one for group, value in tried for one in culprits(client, url, group, value, method)]


def culprits(client: Client, url: str, names: Iterable[str], value: str, method: str) -> list[str]:
    """Give all parameters the value at once; return those that a fault of ours comes from.

    What was refused hides what the others do, so these are asked again without it: without the
    fields with an error, or, of an answer that refuses the request, one by one.
    """
    left = sorted(names)
    status, refused = together(client, url, left, value, method)
    if status < 400:
        rest = set(left) - refused
        return culprits(client, url, rest, value, method) if refused and rest else []
    if len(left) == 1:
        return [f"{method} {url} {left[0]}={value[:60]}"] if status >= 500 else []
    alone = [one for name in left for one in culprits(client, url, [name], value, method)]
    return alone or ([f"{method} {url} {left}={value[:60]}"] if status >= 500 else [])


def together(
    client: Client, url: str, names: list[str], value: str, method: str
) -> tuple[int, set[str]]:
    """Return the status, and which of the names the forms of the page refused."""
    query = "&".join(f"{one}={value}" for one in names)
    with refused_fields() as refused:
        status = asked(client, *((f"{url}?{query}",) if method == "get" else (url, query)))
    return status, refused & set(names)


def test_query_of_any_value_is_answered(things: dict[str, Any], owner_client: Client) -> None:
    tried: set[str] = set()
    found: list[str] = []
    for name in sorted(set(ROUTES) - OF_OPERATORS):
        url = address(name, ROUTES[name], things)
        with recorded_names() as names, undone():
            owner_client.get(url)
        # A name has one reader: on its second page the values of one kind each are enough.
        values = VALUES if names - tried else FEW_VALUES
        tried |= names
        found += culprits_of_values(owner_client, url, names, values, "get")

    assert found == []
    # The parameters are found: those of a form, of a list, of a callback.
    assert {"date_to", "cursor", "q", "only", "sort", "account", "state", "code"} <= tried


def test_form_of_any_value_is_answered(things: dict[str, Any], owner_client: Client) -> None:
    tried: set[str] = set()
    found: list[str] = []
    for name in sorted(set(ROUTES) - OF_OPERATORS):
        url = address(name, ROUTES[name], things)
        with recorded_names() as names, undone():
            # An empty form would not be read at all.
            owner_client.post(url, {"one": "1"})
        values = FORM_VALUES if names - tried else FEW_VALUES
        tried |= names
        found += culprits_of_values(owner_client, url, names, values, "post")

    assert found == []
    assert {"defer_unit", "enabled", "number", "region", "username"} <= tried


def test_fault_behind_a_refused_field_is_found(
    things: dict[str, Any], owner_client: Client
) -> None:
    """The tests above are no weaker for asking all parameters at once."""
    url = address("calls:history", ROUTES["calls:history"], things)
    names = ["cursor", "date_from", "q", "state"]

    with mock.patch("calls.pages.views.history_context", side_effect=fault_of_cursor):
        # `²` is no date and no state, so the page of all four shows the form's errors only.
        found = culprits(owner_client, url, names, "²", "get")

    assert found == [f"get {url} cursor=²"]


def fault_of_cursor(request: Any, *_args: Any) -> dict[str, Any]:
    if "cursor" in request.GET:
        raise ZeroDivisionError
    return {}


def test_path_of_any_value_is_answered(things: dict[str, Any], owner_client: Client) -> None:
    found = []
    for route in ROUTES.values():
        if "<" not in route:
            continue
        parts = [part if "<" not in part else None for part in route.split("/")]
        # A view that takes forms only refuses the method before it looks at the path.
        usual = "/" + "/".join(part or "1" for part in parts)
        form = "" if asked(owner_client, usual) == 405 else None
        for place in [at for at, part in enumerate(parts) if part is None]:
            for key in KEYS:
                path = [key if at == place else part or "1" for at, part in enumerate(parts)]
                found += faults(owner_client, ["/" + "/".join(path)], form)

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
