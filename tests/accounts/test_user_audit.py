"""Changes of people, groups, rights, memberships and passwords are in the audit trail."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.tokens import default_token_generator
from django.core.management import call_command
from django.db import transaction
from django.db.models import Model
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

import manage
from accounts import user_audit
from accounts.acting import acting
from accounts.links import link_of
from accounts.models import UserSession
from cabinets.models import AuditEvent, Cabinet, Membership
from calls.models import Call, Delivery, IngestReceipt
from integrations.models import LinkAttempt
from tests import factories

pytestmark = pytest.mark.django_db
NEW = "ne-ugadaesh-27"


def events() -> list[tuple[str, str | None, dict[str, Any], dict[str, Any]]]:
    rows = AuditEvent.objects.order_by("pk").select_related("actor")
    return [
        (row.action, row.actor.get_username() if row.actor else None, row.before, row.after)
        for row in rows
    ]


@pytest.fixture
def root_client() -> Client:
    client = Client()
    client.force_login(factories.make_user(username="root", is_staff=True, is_superuser=True))
    return client


def test_person_added_in_the_admin(root_client: Client) -> None:
    url = reverse("admin:auth_user_add")

    root_client.post(url, {"username": "anna", "email": "anna@okna.example"})

    how = f"POST {url}"
    added, invited = events()
    assert added[:3] == ("user.added", "root", {})
    assert added[3]["username"] == "anna"
    assert added[3]["is_superuser"] is False
    assert added[3]["how"] == how
    assert invited == ("user.invited", "root", {}, {"link": "shown", "to": ""})


def test_membership_added_changed_and_deleted_in_the_admin(
    root_client: Client, cabinet: Cabinet
) -> None:
    anna = factories.make_user(username="anna")
    add = reverse("admin:cabinets_membership_add")
    root_client.post(add, {"cabinet": cabinet.pk, "user": anna.pk, "role": "viewer"})
    membership = Membership.objects.get()
    change = reverse("admin:cabinets_membership_change", args=[membership.pk])
    root_client.post(change, {"cabinet": cabinet.pk, "user": anna.pk, "role": "manager"})
    delete = reverse("admin:cabinets_membership_delete", args=[membership.pk])
    root_client.post(delete, {"post": "yes"})

    whole = {"cabinet_id": cabinet.pk, "user_id": anna.pk}
    assert events() == [
        ("membership.added", "root", {}, whole | {"role": "viewer", "how": f"POST {add}"}),
        (
            "membership.changed",
            "root",
            {"role": "viewer"},
            {"role": "manager", "how": f"POST {change}"},
        ),
        ("membership.deleted", "root", whole | {"role": "manager"}, {"how": f"POST {delete}"}),
    ]
    assert set(AuditEvent.objects.values_list("cabinet", flat=True)) == {cabinet.pk}


def test_group_and_its_rights(root_client: Client) -> None:
    view = Permission.objects.get(codename="view_call")
    add = reverse("admin:auth_group_add")
    root_client.post(add, {"name": "Поддержка", "permissions": [view.pk]})
    group = Group.objects.get()
    root_client.post(reverse("admin:auth_group_delete", args=[group.pk]), {"post": "yes"})

    assert [(action, before) for action, _actor, before, _after in events()] == [
        ("group.added", {}),
        ("group.rights_changed", {}),
        ("group.deleted", {"name": "Поддержка"}),
    ]
    assert events()[1][3]["permissions"] == ["calls.view_call"]


IN_GROUP = {"groups": ["Поддержка"]}


def add(anna: User, group: Group) -> None:
    anna.groups.add(group)


def add_from_the_group(anna: User, group: Group) -> None:
    group.user_set.add(anna)


def clear(anna: User, group: Group) -> None:
    anna.groups.add(group)
    anna.groups.clear()


def clear_from_the_group(anna: User, group: Group) -> None:
    anna.groups.add(group)
    group.user_set.clear()


@pytest.mark.parametrize(
    ("act", "before", "after"),
    [
        (add, {}, IN_GROUP),
        (add_from_the_group, {}, IN_GROUP),
        (clear, IN_GROUP, {}),
        (clear_from_the_group, IN_GROUP, {}),
    ],
)
def test_groups_of_a_person_from_either_side(
    act: Callable[[User, Group], None], before: dict[str, Any], after: dict[str, Any]
) -> None:
    anna, group = factories.make_user(username="anna"), Group.objects.create(name="Поддержка")

    with acting("shell"):
        act(anna, group)

    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.object_type) == ("user.rights_changed", "auth.user")
    assert event.object_id == str(anna.pk)
    assert (event.before, event.after) == (before, after | {"how": "shell"})


def test_password_changed_by_its_owner(owner_client: Client, settings: Settings) -> None:
    form = {"old_password": factories.PASSWORD, "new_password1": NEW, "new_password2": NEW}

    owner_client.post("/accounts/password/change/", form)

    assert events() == [
        ("user.password_set", "owner", {}, {"how": "POST /accounts/password/change/"})
    ]


def test_password_set_by_a_link() -> None:
    anna = factories.make_user(username="anna")
    link = link_of(anna, default_token_generator.make_token(anna))
    client = Client()
    address = client.get(re.sub(r"^https?://[^/]+", "", link), follow=True).redirect_chain[-1][0]

    client.post(address, {"new_password1": NEW, "new_password2": NEW})

    assert events() == [("user.password_set", "anna", {}, {"how": "password link"})]


def test_stronger_hash_of_the_same_password_is_no_change(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = [
        "django.contrib.auth.hashers.MD5PasswordHasher",
        "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    ]
    anna = factories.make_user(username="anna")
    anna.password = make_password(factories.PASSWORD, hasher="pbkdf2_sha1")
    anna.save()

    form = {"username": "anna", "password": factories.PASSWORD}
    assert Client().post("/accounts/login/", form).status_code == 302

    assert User.objects.get(pk=anna.pk).password.startswith("md5")
    assert events() == []


def test_no_event_holds_a_password(owner_client: Client) -> None:
    form = {"old_password": factories.PASSWORD, "new_password1": NEW, "new_password2": NEW}
    owner_client.post("/accounts/password/change/", form)

    texts = [json.dumps([row.before, row.after]) for row in AuditEvent.objects.all()]
    stored = User.objects.get(username="owner").password
    assert texts
    assert not [text for text in texts if NEW in text or stored in text or "md5" in text]


def run(*words: str) -> None:
    with mock.patch("django.core.management.base.connections.close_all"):
        manage.main(["manage.py", *words])


def test_commands_are_recorded_by_their_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
    run("createsuperuser", "--no-input", "--username=root", "--email=root@okna.example")
    monkeypatch.setattr("getpass.getpass", lambda *_args, **_rest: NEW + "x")
    run("changepassword", "root")
    run("seed_access", "--username=anna", "--password=drugoi-parol-5")

    found = [(action, actor, after.get("how")) for action, actor, _before, after in events()]
    assert [one for one in found if one[0] != "source.created"] == [
        ("user.added", None, "manage.py createsuperuser"),
        ("user.password_set", None, "manage.py createsuperuser"),
        ("user.password_set", None, "manage.py changepassword"),
        ("user.added", None, "manage.py seed_access"),
        ("user.password_set", None, "manage.py seed_access"),
        ("membership.added", None, "manage.py seed_access"),
    ]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", ["createsuperuser", "changepassword"])
def test_command_that_cannot_record_changes_nothing(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna = factories.make_user(username="anna")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", NEW)
    monkeypatch.setattr("getpass.getpass", lambda *_args, **_rest: NEW)
    words = {
        "createsuperuser": ["--no-input", "--username=root", "--email=a@b.example"],
        "changepassword": ["anna"],
    }

    with (
        acting("test"),
        mock.patch.object(user_audit, "_record", side_effect=RuntimeError),
        pytest.raises(RuntimeError),
    ):
        call_command(command, *words[command])

    assert User.objects.get().password == anna.password


def test_code_outside_requests_and_commands_is_recorded_too() -> None:
    with mock.patch.object(user_audit, "RECORD_BY_DEFAULT", True), transaction.atomic():
        factories.make_user(username="anna")

    assert [(action, after["how"]) for action, _a, _b, after in events()] == [
        ("user.added", "process"),
        ("user.password_set", "process"),
    ]


def test_sign_in_is_no_change_of_a_person() -> None:
    factories.make_user(username="anna")

    Client().post("/accounts/login/", {"username": "anna", "password": factories.PASSWORD})

    assert events() == []


@pytest.mark.parametrize("model", [Call, Delivery, IngestReceipt, UserSession, LinkAttempt])
def test_bulk_deletes_of_other_models_load_no_rows(model: type[Model]) -> None:
    assert not any(
        signal.has_listeners(model) for signal in (pre_save, post_save, pre_delete, post_delete)
    )
