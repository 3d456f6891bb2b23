"""The link of an invitation: once, until it expires, with a login or without one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import invitation_views
from accounts.tasks import purge
from cabinets.models import AuditEvent, Cabinet, Invitation, Membership
from cabinets.rate_limit import RateLimit
from tests import factories

pytestmark = pytest.mark.django_db
PASSWORD = "ne-ugadaesh-27"
NEW = {
    "first_name": "Анна",
    "email": "Anna@okna.example",
    "new_password1": PASSWORD,
    "new_password2": PASSWORD,
}


@pytest.fixture
def made(cabinet: Cabinet, owner: User) -> Invitation:
    return factories.make_invitation(cabinet=cabinet, invited_by=owner)


def url_of(one: Invitation) -> str:
    return reverse("invitation", args=[one.token])


def joined(cabinet: Cabinet) -> list[tuple[str, str]]:
    rows = cabinet.memberships.exclude(role="owner").order_by("pk")
    return list(rows.values_list("user__username", "role"))


def test_new_person_gets_a_login_and_the_cabinet(
    client: Client, made: Invitation, cabinet: Cabinet
) -> None:
    page = client.get(url_of(made))
    answer = client.post(url_of(made), NEW, follow=True)

    assert "no-store" in page.headers["Cache-Control"]
    assert "Окна Столица" in page.content.decode()
    assert answer.redirect_chain == [("/lk/integrations", 303)]
    assert "Вы в кабинете «Окна Столица». Ваша роль: наблюдатель." in answer.content.decode()
    assert joined(cabinet) == [("anna@okna.example", "viewer")]
    anna = User.objects.get(username="anna@okna.example")
    assert (anna.first_name, anna.check_password(PASSWORD)) == ("Анна", True)
    events = AuditEvent.objects.filter(cabinet=cabinet).order_by("pk")
    assert [(one.action, one.actor) for one in events] == [
        ("invitation.accepted", anna),
        ("membership.added", anna),
    ]


def test_link_works_once(client: Client, made: Invitation, cabinet: Cabinet) -> None:
    client.post(url_of(made), NEW)
    again = client.post(url_of(made), NEW)  # pressed twice: signed in by the first press
    other = Client().post(url_of(made), NEW | {"email": "boris@okna.example"})

    assert (again.status_code, again["Location"]) == (303, "/lk/integrations")
    assert other.status_code == 410
    assert joined(cabinet) == [("anna@okna.example", "viewer")]
    assert User.objects.count() == 2
    assert AuditEvent.objects.filter(action="invitation.accepted").count() == 1


def test_person_with_a_login_signs_in_and_accepts(
    client: Client, made: Invitation, cabinet: Cabinet
) -> None:
    boris = factories.make_member(cabinet=factories.make_cabinet(name="Другой"), username="boris")
    page = client.get(url_of(made)).content.decode()
    way = f"/accounts/login/?next={url_of(made)}"
    assert way in page

    signed_in = client.post(way, {"username": "boris", "password": factories.PASSWORD})
    assert signed_in["Location"] == url_of(made)
    answer = client.post(url_of(made), follow=True)

    assert joined(cabinet) == [("boris", "viewer")]
    assert answer.context["cabinet"] == cabinet
    assert boris.cabinet_memberships.count() == 2
    added = AuditEvent.objects.get(cabinet=cabinet, action="membership.added", actor=boris)
    assert added.after["how"] == "invitation link"


def test_member_does_not_use_the_link_up(owner_client: Client, made: Invitation) -> None:
    assert "уже видите этот кабинет" in owner_client.get(url_of(made)).content.decode()

    owner_client.post(url_of(made))

    made.refresh_from_db()
    assert made.ended_at is None
    assert Membership.objects.get().role == "owner"


def _expire(made: Invitation) -> None:
    Invitation.objects.update(expires_at=timezone.now())


def _revoke(made: Invitation) -> None:
    Invitation.objects.update(ended_at=timezone.now())


def _lose_inviter(made: Invitation) -> None:
    Membership.objects.update(role=Membership.Role.VIEWER)


def _bar_inviter(made: Invitation) -> None:
    User.objects.filter(username="owner").update(is_active=False)


def _spoil(made: Invitation) -> None:
    made.token += "x"


@pytest.mark.parametrize("end", [_expire, _revoke, _lose_inviter, _bar_inviter, _spoil])
def test_link_that_has_ended_lets_nobody_in(
    client: Client, made: Invitation, end: Any, stranger_client: Client
) -> None:
    end(made)
    people = User.objects.count()

    answers = [
        client.get(url_of(made)),
        client.post(url_of(made), NEW),
        stranger_client.get(url_of(made)),
        stranger_client.post(url_of(made)),
    ]

    assert [one.status_code for one in answers] == [410] * 4
    assert User.objects.count() == people
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("email", "OWNER@example.ru", "С этим адресом вход уже есть"),
        ("email", "owner", "не похоже на адрес почты"),
        ("new_password2", "other", "Пароли не совпадают"),
        ("new_password1", "123", "Пароль слишком короткий"),
    ],
)
def test_wrong_form_says_why_and_makes_nobody(
    client: Client, made: Invitation, field: str, value: str, text: str
) -> None:
    form = NEW | {field: value}
    if field == "new_password1":
        form["new_password2"] = value
    answer = client.post(url_of(made), form)

    assert text in answer.content.decode()
    assert User.objects.count() == 1
    assert not AuditEvent.objects.exists()


def test_form_is_not_an_oracle_of_logins(
    client: Client, made: Invitation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(invitation_views, "PER_LINK", RateLimit("invitation_form_test", 1, 3600))
    statuses = [
        client.post(url_of(made), NEW | {"email": "owner@example.ru"}).status_code
        for _number in range(2)
    ]

    assert statuses == [200, 429]


def test_old_invitations_are_deleted(made: Invitation) -> None:
    with time_machine.travel(made.expires_at + timedelta(days=29)):
        purge()
        assert Invitation.objects.count() == 1
    with time_machine.travel(made.expires_at + timedelta(days=31)):
        purge()
        assert Invitation.objects.count() == 0
