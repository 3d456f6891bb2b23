"""Support never knows a password: a link sets it, once, for three days, shown once or sent."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from accounts.forms import NewPasswordForm
from accounts.mail import wait_until_sent
from cabinets.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
LINK = re.compile(r"https?://[^/\s<\"]+(/accounts/password/new/[^\s<\"]+)")
NEW = "ne-ugadaesh-27"
NOW = "2026-11-20T10:00:00Z"


@pytest.fixture
def root_client() -> Client:
    client = Client()
    client.force_login(factories.make_user(username="root", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def mail_server(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example"


def add(client: Client, email: str = "") -> Any:
    answer = client.post(reverse("admin:auth_user_add"), {"username": "anna", "email": email})
    wait_until_sent()
    return answer


def reset(client: Client, person: User, **form: str) -> Any:
    url = reverse("admin:auth_user_password_change", args=[person.pk])
    answer = client.post(url, form)
    wait_until_sent()
    return answer


def set_password(link: str, password: str = NEW) -> Any:
    client = Client()
    page = client.get(link, follow=True)
    if not page.redirect_chain:
        return page
    form = {"new_password1": password, "new_password2": password}
    return client.post(page.redirect_chain[-1][0], form)


def signs_in(name: str, password: str) -> bool:
    form = {"username": name, "password": password}
    return Client().post("/accounts/login/", form).status_code == 302


def shown_link(answer: Any) -> str:
    found = LINK.search(answer.content.decode())
    assert found, answer.content.decode()
    return found[1]


def test_form_for_a_new_person_asks_for_no_password(root_client: Client) -> None:
    page = root_client.get(reverse("admin:auth_user_add")).content.decode()

    assert 'type="password"' not in page
    assert "Пароль человек задаёт сам по ссылке" in page


@pytest.mark.parametrize("email", ["", "anna@okna.example"])
def test_without_a_mail_server_the_link_is_shown_once(root_client: Client, email: str) -> None:
    answer = add(root_client, email)

    link = shown_link(answer)
    assert "no-store" in answer.headers["Cache-Control"]
    anna = User.objects.get(username="anna")
    assert not anna.has_usable_password()
    change = root_client.get(reverse("admin:auth_user_change", args=[anna.pk])).content.decode()
    assert not LINK.search(change)
    assert 'type="password"' not in change
    assert set_password(link).status_code == 302
    assert signs_in("anna", NEW)


def test_with_a_mail_server_the_link_is_sent_and_not_shown(
    root_client: Client, mail_server: None
) -> None:
    answer = add(root_client, "anna@okna.example")

    assert not LINK.search(answer.content.decode())
    assert "отправляется на anna@okna.example" in " ".join(answer.content.decode().split())
    (message,) = mail.outbox
    assert (message.to, message.subject) == (
        ["anna@okna.example"],
        "Вход в личный кабинет CallKeeper",
    )
    found = LINK.search(str(message.body))
    assert found
    assert set_password(found[1]).status_code == 302
    assert signs_in("anna", NEW)
    invited = AuditEvent.objects.get(action="user.invited")
    assert invited.after == {"link": "sent", "to": "anna@okna.example"}


def test_link_works_once_and_a_sign_in_ends_it(root_client: Client) -> None:
    link = shown_link(add(root_client))
    set_password(link)

    again = set_password(link, "drugoi-parol-5")

    assert "Ссылка не действует" in again.content.decode()
    assert signs_in("anna", NEW)


def test_link_sets_one_password_when_two_requests_use_it_at_once(
    root_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = shown_link(add(root_client))
    validate = NewPasswordForm.full_clean
    answers = []

    def use_it_meanwhile(form: NewPasswordForm) -> None:
        monkeypatch.setattr(NewPasswordForm, "full_clean", validate)
        answers.append(set_password(link, "drugoi-parol-5"))
        validate(form)

    monkeypatch.setattr(NewPasswordForm, "full_clean", use_it_meanwhile)

    late = set_password(link)

    assert (answers[0].status_code, late.status_code) == (302, 200)
    assert "Ссылка не действует" in late.content.decode()
    assert signs_in("anna", "drugoi-parol-5")
    assert AuditEvent.objects.filter(action="user.password_set").count() == 1


@pytest.mark.parametrize(("hours", "is_valid"), [(71, True), (73, False)])
def test_link_is_valid_for_three_days(root_client: Client, hours: int, is_valid: bool) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        link = shown_link(add(root_client))
        clock.shift(hours * 3600)

        answer = set_password(link)

    assert (answer.status_code == 302) is is_valid
    assert User.objects.get(username="anna").has_usable_password() is is_valid


def test_reset_ends_the_password_and_the_sessions_at_once(
    root_client: Client, owner: User, owner_client: Client
) -> None:
    answer = reset(root_client, owner, show="1")

    assert not signs_in("owner", factories.PASSWORD)
    assert owner_client.get("/lk/integrations").status_code == 302
    assert set_password(shown_link(answer)).status_code == 302
    assert signs_in("owner", NEW)
    actions = AuditEvent.objects.order_by("pk").values_list("action", "actor__username")
    assert list(actions) == [
        ("user.password_removed", "root"),
        ("user.invited", "root"),
        ("user.password_set", "owner"),
    ]


def test_later_reset_ends_an_earlier_link(root_client: Client, owner: User) -> None:
    first = shown_link(reset(root_client, owner, show="1"))
    second = shown_link(reset(root_client, owner, show="1"))

    assert "Ссылка не действует" in set_password(first).content.decode()
    assert set_password(second).status_code == 302


def test_page_before_the_reset_explains_it_and_changes_nothing(
    root_client: Client, owner: User, mail_server: None
) -> None:
    url = reverse("admin:auth_user_password_change", args=[owner.pk])

    page = " ".join(root_client.get(url).content.decode().split())

    assert "Нынешний пароль сразу перестанет действовать" in page
    assert 'type="password"' not in page
    assert "Сбросить и отправить ссылку на owner@example.ru" in page
    assert "Сбросить и показать ссылку" in page
    assert User.objects.get(pk=owner.pk).check_password(factories.PASSWORD)
    assert not AuditEvent.objects.exists()


def test_link_is_shown_instead_of_sent_if_support_asks_for_it(
    root_client: Client, owner: User, mail_server: None
) -> None:
    answer = reset(root_client, owner, show="1")

    assert shown_link(answer)
    assert mail.outbox == []


def test_invited_person_who_lost_the_link_recovers_by_mail(
    root_client: Client, mail_server: None
) -> None:
    add(root_client, "anna@okna.example")
    mail.outbox.clear()

    Client().post("/accounts/password/forgotten/", {"login": "anna"})
    wait_until_sent()

    (message,) = mail.outbox
    assert message.to == ["anna@okna.example"]


def test_own_password_is_changed_where_customers_change_it(root_client: Client) -> None:
    root = User.objects.get(username="root")
    own = reverse("admin:auth_user_password_change", args=[root.pk])

    for url in (own, reverse("admin:password_change")):
        assert root_client.get(url).headers["Location"] == "/accounts/password/change/"


def test_recovery_ends_all_sessions(owner: User, owner_client: Client, mail_server: None) -> None:
    Client().post("/accounts/password/forgotten/", {"login": "owner"})
    wait_until_sent()
    found = LINK.search(str(mail.outbox[-1].body))
    assert found

    set_password(found[1])

    assert owner_client.get("/lk/integrations").status_code == 302
    assert signs_in("owner", NEW)
    assert owner.sessions.count() == 1  # the sign-in above


def test_guesses_of_the_present_password_are_counted_before_hashing(owner_client: Client) -> None:
    form = {"old_password": "no", "new_password1": NEW, "new_password2": NEW}
    url = "/accounts/password/change/"

    delays: list[float] = []
    hook: Any = {"callkeeper.send_after": delays.append}

    answers = [owner_client.post(url, form, **hook) for _ in range(11)]

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert delays == [1.0]
    assert "Нынешний пароль введён неверно слишком много раз" in answers[-1].content.decode()
    form["old_password"] = factories.PASSWORD
    assert owner_client.post(url, form).status_code == 429
    assert User.objects.get(username="owner").check_password(factories.PASSWORD)
