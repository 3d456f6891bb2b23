"""Every address of an object for every role, and the admin for every single right.

What is expected comes from the decorators of each view and from the registry of the admin, so that
a new address and a new model are tried as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model
from django.test import Client
from django.urls import resolve

from cabinets.models import AuditEvent
from counters.models import Counter
from tests import factories
from tests.admin.conftest import create_all as create_all
from tests.admin.conftest import support as support
from tests.admin.every_model import CreateAll, admin_url
from tests.integrations.conftest import yandex_id as yandex_id
from tests.integrations.yandex_id import YandexId
from tests.odd_values import undone
from tests.site import address, routes, set_up

ROUTES = dict(routes())
#: A reason of a failure and its like are no objects.
OF_NO_OBJECT = {"integrations:link-result"}
OF_OBJECTS = sorted(
    name
    for name, route in ROUTES.items()
    if route.startswith("lk/") and "<" in route and name not in OF_NO_OBJECT
)
#: Leads away, or asks Yandex.
_AWAY = {"integrations:link", "integrations:link-callback"}
OF_CABINET = {
    name: route for name, route in ROUTES.items() if route.startswith("lk/") and name not in _AWAY
}
#: A choice among the own cabinets changes none of them; the others are of the person alone, and a
#: file of what the person sees.
CHANGES_NOTHING = {"cabinets:choose", "calls:filters", "calls:export"}
#: Parameters that name an object inside another one.
INNER = {"counter_pk", "bulk_pk", "secret_pk", "address_pk"}
#: Retiring what is gone is told on the page that listed it.
RETIRE = {"cabinets:source-retire", "calls:source-address-retire"}
METHODS = ("get", "post")
DONE = {200, 302, 303, 409}
MODELS: list[type[Model]] = sorted(admin.site._registry, key=lambda model: model._meta.label)


def closure_of(function: Any) -> dict[str, Any]:
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells}


def decorators_of(view: Any) -> Iterator[Any]:
    """Yield the functions around the view, the outermost first.

    What each of them calls is in its closure: `__wrapped__` skips one of two under one `wraps`.
    """
    while view is not None and hasattr(view, "__code__"):
        yield view
        closure = closure_of(view)
        view = closure.get("view", closure.get("func", closure.get("view_func")))


def guards_of(view: Any) -> set[str]:
    return {one.__code__.co_qualname.split(".")[0] for one in decorators_of(view)}


def methods_of(view: Any) -> set[str]:
    """Return the methods that `require_http_methods` and its kind let through."""
    for one in decorators_of(view):
        listed = closure_of(one).get("request_method_list")
        if listed is not None:
            return {method.lower() for method in listed}
    raise AssertionError(f"{view} takes any method")


def expected(name: str, view: Any, role: str, method: str) -> set[int]:
    if role == "anonymous":
        return {302}
    if method not in methods_of(view):
        return {405}
    guards = guards_of(view)
    assert guards & {"cabinet_required", "manage_required"}, f"{name} asks for no cabinet"
    if role == "of no cabinet":
        return {403}
    if role == "viewer" and name not in CHANGES_NOTHING:
        return {403} if method == "post" or "manage_required" in guards else {200}
    if role == "manager" and "owner_required" in guards:
        return {403}
    return {404} if role == "stranger" else DONE


@pytest.fixture
def clients(
    owner: User, manager: User, viewer: User, stranger: User
) -> Callable[[], dict[str, Client]]:
    people = {"owner": owner, "manager": manager, "viewer": viewer, "stranger": stranger}
    people["of no cabinet"] = factories.make_user()
    signed_in = {role: Client() for role in people}
    for role, client in signed_in.items():
        client.force_login(people[role])
    return lambda: signed_in | {"anonymous": Client()}


def test_every_object_answers_each_role_by_the_decorators_of_its_view(
    counter: Counter, clients: Callable[[], dict[str, Client]], yandex_id: YandexId
) -> None:
    things = set_up(counter)
    wrong = {}
    for name in OF_OBJECTS:
        url = address(name, ROUTES[name], things)
        view = resolve(url).func
        for role, client in clients().items():
            for method in METHODS:
                with undone():
                    status = getattr(client, method)(url).status_code
                    is_silent = role in ("owner", "manager") or not AuditEvent.objects.exists()
                if status not in expected(name, view, role, method) or not is_silent:
                    wrong[name, role, method] = status

    assert len(OF_OBJECTS) > 25
    assert wrong == {}


def test_no_page_shows_viewers_a_whole_phone_or_the_address_of_a_colleague(
    counter: Counter,
    owner_client: Client,
    viewer: User,
    viewer_client: Client,
    yandex_id: YandexId,
) -> None:
    things = set_up(counter)
    pages = {name: address(name, route, things) for name, route in OF_CABINET.items()}
    shown = {name: revealed(viewer_client.get(url), viewer) for name, url in pages.items()}

    assert len(pages) > 50
    assert {name: found for name, found in shown.items() if found} == {}
    # The pages do have them.
    assert revealed(owner_client.get(pages["calls:journey"]), viewer) != []
    assert revealed(owner_client.get(pages["cabinets:people"]), viewer) != []


def revealed(answer: Any, viewer: User) -> list[str]:
    """Return the phones of `set_up` and the e-mails of other people that an answer has."""
    text = answer.getvalue().decode() if answer.streaming else answer.content.decode()
    found = re.findall(r"916\D{0,2}123\D?\d\d\D?\d\d|[\w.+-]+@example\.ru", text)
    return [one for one in found if one != viewer.email]


def test_owner_reaches_no_object_of_another_cabinet_through_their_own(
    counter: Counter, owner_client: Client, yandex_id: YandexId
) -> None:
    """An address names two objects: its own cabinet has only one of them."""
    things = set_up(counter)
    other = factories.make_account(cabinet=factories.make_cabinet(name="Клиника Урал"))
    foreign = set_up(factories.make_counter(account=other))
    nested = [name for name in OF_OBJECTS if any(f":{one}>" in ROUTES[name] for one in INNER)]
    found = {}
    for name in nested:
        for one in (part for part in INNER if f":{part}>" in ROUTES[name]):
            url = address(name, ROUTES[name], things | {one: foreign[one]})
            for method in METHODS:
                with undone():
                    answer = getattr(owner_client, method)(url)
                    has_changed = AuditEvent.objects.exists()
                is_told = (method, answer.status_code) == ("post", 302) and name in RETIRE
                if has_changed or not (answer.status_code in (404, 405) or is_told):
                    found[name, one, method] = answer.status_code

    assert len(nested) > 5
    assert found == {}


@pytest.fixture
def staff(db: None) -> User:
    return factories.make_user(username="staff", is_staff=True)


@pytest.fixture
def staff_client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


def rows_of_all(create_all: CreateAll) -> dict[type[Model], Model]:
    rows: dict[type[Model], Model] = {type(row): row for row in create_all().values()}
    user = User.objects.earliest("pk")
    factor = Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={})
    return rows | {User: user, Group: Group.objects.create(name="one"), Authenticator: factor}


def shown_on_index(client: Client) -> set[str]:
    apps = client.get("/admin/").context["app_list"]
    return {model["object_name"] for app in apps for model in app["models"]}


def test_staff_without_rights_see_nothing(staff_client: Client, create_all: CreateAll) -> None:
    rows = rows_of_all(create_all)
    urls = [admin_url(model, page) for model in MODELS for page in ("changelist", "add")]
    urls += [
        admin_url(model, page, row.pk)
        for model, row in rows.items()
        for page in ("change", "history", "delete")
    ]

    answers = {url: staff_client.get(url).status_code for url in urls}

    assert {url: status for url, status in answers.items() if status != 403} == {}
    assert shown_on_index(staff_client) == set()
    assert set(rows) == set(MODELS)


def test_one_right_to_view_shows_one_model_and_changes_nothing(
    staff: User, staff_client: Client, create_all: CreateAll
) -> None:
    rows = rows_of_all(create_all)
    lists = {model: admin_url(model, "changelist") for model in MODELS}
    wrong: dict[str, Any] = {}
    for number, model in enumerate(MODELS):
        right = f"view_{model._meta.model_name}"
        app = model._meta.app_label
        staff.user_permissions.set(
            Permission.objects.filter(codename=right, content_type__app_label=app)
        )
        # The index asks every model; of the lists themselves two others are asked in turn.
        others = [MODELS[(number + step) % len(MODELS)] for step in (1, 7)]
        seen = {
            "index": shown_on_index(staff_client),
            "own": [staff_client.get(url).status_code for url in own_pages(model, rows[model])],
            "others": {staff_client.get(lists[one]).status_code for one in others},
            "changes": changed_by(staff_client, model, rows[model]),
        }
        wanted = {
            "index": {model._meta.object_name},
            "own": [200, 200, 200, 403, 403],
            "others": {403},
            "changes": (False, 403),
        }
        if seen != wanted:
            wrong[model._meta.label] = seen

    assert wrong == {}


def own_pages(model: type[Model], row: Model) -> list[str]:
    pages = [admin_url(model, page, row.pk) for page in ("change", "history", "delete")]
    return [admin_url(model, "changelist"), *pages, admin_url(model, "add")]


def changed_by(client: Client, model: type[Model], row: Model) -> tuple[bool, int]:
    """Post the form of the row and every action; return whether it was recorded, and the status."""
    before = AuditEvent.objects.count()
    status = client.post(admin_url(model, "change", row.pk), {"name": "x"}).status_code
    names = [
        one if isinstance(one, str) else one.__name__
        for one in admin.site._registry[model].actions or ()
    ]
    for name in (*names, "delete_selected"):
        client.post(
            admin_url(model, "changelist"),
            {"action": name, "_selected_action": [str(row.pk)], "post": "yes"},
        )
    is_there = model._default_manager.filter(pk=row.pk).exists()
    return AuditEvent.objects.count() != before or not is_there, status
