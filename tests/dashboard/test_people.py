"""«Люди»: roles, removing, leaving, handing over; a cabinet always has an owner."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.emails import add_address
from accounts.mail import wait_until_sent
from cabinets import invitations, people
from cabinets.models import AuditEvent, Cabinet, Invitation, Membership
from cabinets.people import LastOwner
from tests import factories
from tests.calls.ingest.test_store_races import concurrently

Role = Membership.Role


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def membership(user: User) -> Membership:
    return user.cabinet_memberships.get()


def press(user: User, name: str, target: User | None = None, **form: str) -> Any:
    values = [membership(target).pk] if target else []
    return client_of(user).post(reverse(f"cabinets:{name}", args=values), form, follow=True)


def roles_of(cabinet: Cabinet) -> dict[str, str]:
    return dict(cabinet.memberships.values_list("user__username", "role"))


def test_owner_changes_a_role_once(owner: User, viewer: User, cabinet: Cabinet) -> None:
    answer = press(owner, "person-role", viewer, role="manager")
    press(owner, "person-role", viewer, role="manager")

    assert "viewer@example.ru: теперь роль «Управляющий»." in answer.content.decode()
    assert roles_of(cabinet) == {"owner": "owner", "viewer": "manager"}
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.cabinet) == ("membership.changed", owner, cabinet)
    assert (event.before, event.after["role"]) == ({"role": "viewer"}, "manager")


@pytest.mark.parametrize("role", ["owner", "", "admin"])
def test_no_other_role_is_given(owner: User, viewer: User, cabinet: Cabinet, role: str) -> None:
    answer = press(owner, "person-role", viewer, role=role)

    assert "ваша роль этого не позволяет" in answer.content.decode()
    assert roles_of(cabinet)["viewer"] == "viewer"
    assert not AuditEvent.objects.exists()


def test_manager_removes_viewers_only(
    owner: User, manager: User, viewer: User, cabinet: Cabinet
) -> None:
    refused = press(manager, "person-remove", owner)
    promoted = press(manager, "person-role", viewer, role="manager")
    assert "ваша роль этого не позволяет" in refused.content.decode()
    assert "ваша роль этого не позволяет" in promoted.content.decode()
    assert press(manager, "person-owner", viewer).status_code == 403
    assert not AuditEvent.objects.exists()

    pk = membership(viewer).pk
    press(manager, "person-remove", viewer)
    again = client_of(manager).post(reverse("cabinets:person-remove", args=[pk]), follow=True)

    assert "Этого человека в кабинете уже нет." in again.content.decode()
    assert roles_of(cabinet) == {"owner": "owner", "manager": "manager"}
    assert client_of(viewer).get("/lk/integrations").status_code == 403


def test_handing_over_swaps_the_roles(owner: User, manager: User, cabinet: Cabinet) -> None:
    press(owner, "person-owner", manager)

    assert roles_of(cabinet) == {"owner": "manager", "manager": "owner"}
    assert press(owner, "person-owner", manager).status_code == 403
    events = AuditEvent.objects.order_by("pk").values_list("action", "before", "actor")
    changed = "membership.changed"
    assert list(events) == [
        (changed, {"role": "manager"}, owner.pk),
        (changed, {"role": "owner"}, owner.pk),
    ]


def test_only_owner_cannot_leave(owner: User, manager: User, cabinet: Cabinet) -> None:
    assert press(owner, "leave").status_code == 409
    assert (
        "Сначала передайте кабинет"
        in client_of(owner).get(reverse("cabinets:leave")).content.decode()
    )
    assert not AuditEvent.objects.exists()

    press(owner, "person-owner", manager)
    answer = press(owner, "leave")

    assert answer.status_code == 403
    assert "Вы не состоите ни в одном кабинете" in answer.content.decode()
    assert roles_of(cabinet) == {"manager": "owner"}


def test_pressed_twice_leaves_one_cabinet(owner: User, manager: User, cabinet: Cabinet) -> None:
    Membership.objects.create(cabinet=factories.make_cabinet(name="Другой"), user=manager)
    client = client_of(manager)
    page = client.get(reverse("cabinets:leave")).content.decode()
    left = re.findall(r'name="cabinet" value="(\d+)"', page)[0]
    form = {"cabinet": left}
    presses = [client.post(reverse("cabinets:leave"), form) for _press in range(2)]

    assert [one.status_code for one in presses] == [303, 409]
    assert left == str(cabinet.pk)
    assert membership(manager).cabinet.name == "Другой"


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_one_stays(owner: User, cabinet: Cabinet) -> None:
    other = factories.make_member(cabinet=cabinet)

    def outcome(actor: User) -> str:
        try:
            people.leave(cabinet=cabinet, actor=actor)
        except LastOwner:
            return "stays"
        return "left"

    outcomes = concurrently([partial(outcome, owner), partial(outcome, other)])

    assert sorted(outcomes) == ["left", "stays"]
    assert cabinet.memberships.filter(role=Role.OWNER).count() == 1


def test_page_shows_links_to_those_who_may_give_the_role(
    owner: User, manager: User, viewer: User, cabinet: Cabinet
) -> None:
    links = {
        role: f"/accounts/invitation/{one.token}/"
        for role in (Role.VIEWER, Role.MANAGER)
        for one in [factories.make_invitation(cabinet=cabinet, invited_by=owner, role=role)]
    }

    pages = {
        one.username: client_of(one).get(reverse("cabinets:people")).content.decode()
        for one in (owner, manager, viewer)
    }

    seen = {name: [role for role in links if links[role] in text] for name, text in pages.items()}
    assert seen == {"owner": ["viewer", "manager"], "manager": ["viewer"], "viewer": []}
    assert "<select" not in pages["manager"] + pages["viewer"]
    assert "Удалить" not in pages["viewer"]


def test_viewers_see_names_and_logins_and_no_addresses_of_colleagues(
    owner: User, viewer: User, cabinet: Cabinet
) -> None:
    """One rule for every page that names people."""
    other = factories.make_member(cabinet=cabinet, username="anna@okna.example")
    add_address(other, is_confirmed=False)
    invitation, _is_new = invitations.invite(
        cabinet=cabinet,
        actor=other,
        role=Role.VIEWER,
        email="boris@okna.example",
        days=1,
        now=timezone.now(),
    )
    addresses = ["owner@example.ru", other.email, other.username, invitation.email]

    pages = {
        (one.username, name): client_of(one).get(reverse(f"cabinets:{name}")).content.decode()
        for one in (owner, viewer)
        for name in ("people", "audit")
    }

    def shown(who: str, name: str) -> list[bool]:
        return [address in pages[who, name] for address in addresses]

    assert (shown("viewer", "people"), shown("viewer", "audit")) == ([False] * 4, [False] * 4)
    assert "o***@example.ru" in pages["viewer", "people"]
    assert "a***@okna.example" in pages["viewer", "audit"]
    assert shown("owner", "people") == [True] * 4
    assert ("почта не подтверждена" in pages["owner", "people"]) is True
    assert ("почта не подтверждена" in pages["viewer", "people"]) is False


def test_more_people_make_no_more_queries(owner: User, cabinet: Cabinet) -> None:
    client = client_of(owner)

    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(reverse("cabinets:people")).status_code == 200
        return len(found)

    factories.make_invitation(cabinet=cabinet, invited_by=owner)
    few = queries()
    for _number in range(3):
        factories.make_member(cabinet=cabinet, role=Role.VIEWER)
        factories.make_invitation(cabinet=cabinet, invited_by=owner)

    assert queries() == few <= 7


@pytest.mark.parametrize("host", ["", "mail.example"])
def test_invitation_is_sent_where_e_mail_is_configured(
    owner: User, cabinet: Cabinet, settings: Settings, host: str
) -> None:
    settings.EMAIL_HOST = host
    anna = "anna@okna.example"
    answer = press(owner, "person-invite", role="manager", email=anna, days="1")
    wait_until_sent()

    made = Invitation.objects.get()
    link = f"/accounts/invitation/{made.token}/"
    assert link in answer.content.decode()
    assert (made.role, made.invited_by, (made.expires_at - made.created_at).days) == (
        "manager",
        owner,
        1,
    )
    assert [(one.to, link in one.body) for one in mail.outbox] == ([([anna], True)] if host else [])
    event = AuditEvent.objects.get()
    assert (event.action, event.after) == (
        "invitation.created",
        {"role": "manager", "email": anna, "days": 1},
    )


def test_manager_invites_no_manager(manager: User) -> None:
    answer = press(manager, "person-invite", role="manager", email="", days="7")

    assert "Эту роль вы дать не можете" in answer.content.decode()
    assert not Invitation.objects.exists()
    assert not AuditEvent.objects.exists()


def test_open_invitations_are_bounded(
    owner: User, cabinet: Cabinet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitations, "MAX_OPEN", 1)
    factories.make_invitation(cabinet=cabinet, invited_by=owner)

    answer = press(owner, "person-invite", role="manager", email="", days="7")

    assert "Отзовите ненужные" in answer.content.decode()
    assert Invitation.objects.count() == 1


def test_revoking_twice_is_one_event(owner: User, cabinet: Cabinet) -> None:
    made = factories.make_invitation(cabinet=cabinet, invited_by=owner)
    url = reverse("cabinets:invitation-revoke", args=[made.pk])
    texts = [client_of(owner).post(url, follow=True).content.decode() for _number in range(2)]

    assert "Приглашение отозвано" in texts[0]
    assert "уже использовано или отозвано" in texts[1]
    assert AuditEvent.objects.get().action == "invitation.revoked"
    assert not invitations.is_open(Invitation.objects.get(), now=timezone.now())
