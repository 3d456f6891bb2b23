"""Staff give and take no more rights than they hold, and touch nobody who has more."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from cabinets.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
HELD = ("view_user", "add_user", "change_user", "delete_user", "view_group", "add_group")
HELD_TOO = ("change_group", "delete_group", "view_call")
NOT_HELD = "view_personal_data"
LIST = reverse("admin:auth_user_changelist")


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def permissions(*codenames: str) -> list[Permission]:
    return list(Permission.objects.filter(codename__in=codenames))


@pytest.fixture
def staff() -> User:
    person = factories.make_user(username="staff", is_staff=True)
    person.user_permissions.set(permissions(*HELD))
    group = Group.objects.create(name="Поддержка")
    group.permissions.set(permissions(*HELD_TOO))
    person.groups.add(group)
    return person


@pytest.fixture
def staff_client(staff: User) -> Client:
    client = Client()
    client.force_login(staff)
    return client


@pytest.fixture
def strong() -> Group:
    group = Group.objects.create(name="Видят номера")
    group.permissions.add(permission(NOT_HELD))
    return group


def change_url(row: User | Group) -> str:
    return reverse(f"admin:auth_{row._meta.model_name}_change", args=[row.pk])


def save(client: Client, person: User, **fields: Any) -> Any:
    form = {"username": person.username, "email": person.email, "is_active": "on"}
    return client.post(change_url(person), form | fields)


def rights(person: User) -> tuple[object, ...]:
    row = User.objects.get(pk=person.pk)
    names = sorted(row.user_permissions.values_list("codename", flat=True))
    groups = sorted(row.groups.values_list("name", flat=True))
    return row.is_active, row.is_staff, row.is_superuser, names, groups, row.password, row.email


def test_flag_of_superusers_is_neither_shown_nor_taken(staff_client: Client) -> None:
    customer = factories.make_user(username="customer")

    page = staff_client.get(change_url(customer)).content.decode()
    answer = save(staff_client, customer, is_superuser="on")

    assert "is_superuser" not in page
    assert "is_superuser" not in staff_client.get(LIST).content.decode()
    assert answer.status_code == 302
    assert User.objects.get(pk=customer.pk).is_superuser is False


@pytest.mark.parametrize("what", ["permission", "group"])
def test_right_that_the_person_lacks_is_neither_shown_nor_given(
    staff_client: Client, strong: Group, what: str
) -> None:
    customer = factories.make_user(username="customer")
    before = rights(customer)
    fields = {
        "permission": {"user_permissions": [permission(NOT_HELD).pk]},
        "group": {"groups": [strong.pk]},
    }

    page = staff_client.get(change_url(customer)).content.decode()
    answer = save(staff_client, customer, **fields[what])

    assert "Видят номера" not in page
    assert f'<option value="{permission(NOT_HELD).pk}"' not in page
    assert answer.status_code == 200  # the form with its error
    assert rights(customer) == before
    assert not AuditEvent.objects.exists()


def test_right_that_the_person_holds_is_given(staff_client: Client, staff: User) -> None:
    customer = factories.make_user(username="customer")
    group = Group.objects.get(name="Поддержка")

    save(staff_client, customer, groups=[group.pk], user_permissions=[permission("view_user").pk])

    assert rights(customer)[3:5] == (["view_user"], ["Поддержка"])


SUPERIORS = ["superuser", "inactive superuser", "permission", "group", "inactive with permission"]


def superior(kind: str, strong: Group) -> User:
    person = factories.make_user(
        username="superior",
        is_staff=True,
        is_superuser="superuser" in kind,
        is_active="inactive" not in kind,
    )
    if "permission" in kind:
        person.user_permissions.add(permission(NOT_HELD))
    if kind == "group":
        person.groups.add(strong)
    return person


@pytest.mark.parametrize("kind", SUPERIORS)
def test_person_with_more_rights_cannot_be_changed_reset_or_deleted(
    staff_client: Client, strong: Group, kind: str
) -> None:
    person = superior(kind, strong)
    before = rights(person)
    delete = reverse("admin:auth_user_delete", args=[person.pk])
    reset = reverse("admin:auth_user_password_change", args=[person.pk])
    chosen = {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}

    answers = [
        save(staff_client, person, email="mine@example.ru"),
        staff_client.post(delete, {"post": "yes"}),
        staff_client.get(reset),
        staff_client.post(reset, {"show": "1"}),
    ]
    staff_client.post(LIST, chosen)

    assert [answer.status_code for answer in answers] == [403] * 4
    assert rights(person) == before
    assert not AuditEvent.objects.exists()
    assert "Сбросить пароль" not in staff_client.get(change_url(person)).content.decode()


def test_person_with_fewer_rights_is_changed_and_deleted(staff_client: Client) -> None:
    customer = factories.make_user(username="customer")

    save(staff_client, customer, email="new@example.ru")
    assert User.objects.get(pk=customer.pk).email == "new@example.ru"
    staff_client.post(reverse("admin:auth_user_delete", args=[customer.pk]), {"post": "yes"})

    assert not User.objects.filter(pk=customer.pk).exists()


def test_staff_change_their_name_and_none_of_their_rights(
    staff_client: Client, staff: User
) -> None:
    before = rights(staff)

    answer = save(staff_client, staff, is_superuser="on", user_permissions=[], first_name="Анна")

    assert answer.status_code == 302
    assert User.objects.get(pk=staff.pk).first_name == "Анна"
    assert rights(staff) == before
    delete = reverse("admin:auth_user_delete", args=[staff.pk])
    assert staff_client.post(delete, {"post": "yes"}).status_code == 403


def test_group_gets_no_right_that_the_person_lacks(staff_client: Client, strong: Group) -> None:
    add = reverse("admin:auth_group_add")
    form = {"name": "Новая", "permissions": [permission(NOT_HELD).pk]}

    assert staff_client.post(add, form).status_code == 200
    assert not Group.objects.filter(name="Новая").exists()
    assert staff_client.post(change_url(strong), {"name": "Моя"}).status_code == 403
    delete = reverse("admin:auth_group_delete", args=[strong.pk])
    assert staff_client.post(delete, {"post": "yes"}).status_code == 403
    assert Group.objects.get(pk=strong.pk).name == "Видят номера"


def test_group_of_a_person_with_more_rights_cannot_be_changed(staff_client: Client) -> None:
    group = Group.objects.get(name="Поддержка")
    group.user_set.add(factories.make_user(username="root", is_superuser=True))

    answer = staff_client.post(change_url(group), {"name": "Поддержка", "permissions": []})

    assert answer.status_code == 403
    assert group.permissions.count() == len(HELD_TOO)


def test_group_of_people_with_fewer_rights_is_changed(staff_client: Client) -> None:
    group = Group.objects.get(name="Поддержка")
    form = {"name": "Поддержка", "permissions": [permission("view_call").pk]}

    assert staff_client.post(change_url(group), form).status_code == 302
    assert list(group.permissions.values_list("codename", flat=True)) == ["view_call"]


def test_superuser_makes_a_superuser() -> None:
    root = factories.make_user(username="root", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(root)
    person = factories.make_user(username="second")

    save(client, person, is_superuser="on", is_staff="on")

    assert User.objects.get(pk=person.pk).is_superuser is True
    (event,) = AuditEvent.objects.filter(object_id=str(person.pk), object_type="auth.user")
    assert (event.actor, event.action) == (root, "user.changed")
    assert event.before == {"is_staff": False, "is_superuser": False}
    assert event.after == {
        "is_staff": True,
        "is_superuser": True,
        "how": f"POST {change_url(person)}",
    }
