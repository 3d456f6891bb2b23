"""The address of a new login: nothing is sent to it before its owner has confirmed it."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.forms import ForgottenPasswordForm
from accounts.invitation_mail import link_of, message_of
from accounts.links import mail_address
from accounts.mail import wait_until_sent
from cabinets.models import AuditEvent, Cabinet, Invitation
from notices.choices import reachable_by
from tests import factories
from tests.accounts.test_cabinet_invitation import NEW, PASSWORD, url_of

pytestmark = pytest.mark.django_db
ANNA = "anna@okna.example"
SECURITY = "/accounts/security/"


@pytest.fixture(autouse=True)
def sends_mail(settings: Settings) -> None:
    settings.EMAIL_HOST = "mail.example"


@pytest.fixture
def made(cabinet: Cabinet, owner: User) -> Invitation:
    return factories.make_invitation(cabinet=cabinet, invited_by=owner, email=ANNA)


def letters() -> list[tuple[str, list[str]]]:
    wait_until_sent()
    return [(str(one.subject), one.to) for one in mail.outbox]


def link_in_last_letter() -> str:
    wait_until_sent()
    found = re.search(r"https?://\S+", str(mail.outbox[-1].body))
    assert found
    parts = urlsplit(found[0])
    return f"{parts.path}?{parts.query}"


def may_be_written_to(email: str = ANNA) -> tuple[bool, bool, bool]:
    """Whether notices, support's link and a link for a forgotten password go to the address."""
    person = User.objects.get(email=email)
    form = ForgottenPasswordForm({"login": email})
    assert form.is_valid()
    return bool(reachable_by(person)), mail_address(person) == email, form.people() != []


def test_named_address_is_used_only_after_its_link_was_opened(
    client: Client, made: Invitation
) -> None:
    joined = client.post(url_of(made), NEW, follow=True).content.decode()
    assert "Подтвердите почту: на anna@okna.example отправляется письмо со ссылкой." in joined
    assert letters() == [("Подтвердите почту в CallKeeper", [ANNA])]
    link = link_in_last_letter()

    assert may_be_written_to() == (False, False, False)
    assert "не подтверждена" in client.get(SECURITY).content.decode()
    page = client.get("/lk/integrations/notices/choices").content.decode()
    assert "Почта anna@okna.example не подтверждена, поэтому письма на неё не приходят." in page
    assert client.get(link).status_code == 200
    assert may_be_written_to() == (False, False, False)

    told = client.post(link, follow=True).content.decode()
    assert "Почта подтверждена: письма теперь приходят на неё." in told
    assert "не подтверждена" not in told
    assert may_be_written_to() == (True, True, True)
    assert AuditEvent.objects.get(action="user.email_confirmed").after == {"email": ANNA}
    again = client.post(link, follow=True).content.decode()
    assert f"Ваша почта {ANNA} уже подтверждена." in again
    assert AuditEvent.objects.filter(action="user.email_confirmed").count() == 1


def test_link_of_another_or_an_old_one_confirms_nothing(client: Client, made: Invitation) -> None:
    client.post(url_of(made), NEW)
    link = link_in_last_letter()
    stranger, other = Client(), factories.make_user()
    EmailAddress.objects.create(user=other, email=other.email)

    assert stranger.post(link)["Location"].startswith("/accounts/login/")
    stranger.force_login(other)
    assert stranger.post(link).status_code == 410
    with time_machine.travel(timezone.now() + timedelta(days=3, minutes=1)):
        assert client.post(link).status_code == 410
    EmailAddress.objects.filter(user=other).delete()
    told = stranger.post(link, follow=True).content.decode()
    assert f"Ваша почта {other.email} уже подтверждена." in told

    assert EmailAddress.objects.filter(verified=True).count() == 0


def test_link_is_sent_again_so_often_and_not_without_mail(
    client: Client, made: Invitation, settings: Settings
) -> None:
    client.post(url_of(made), NEW)
    resend = reverse("email-send")

    told = [client.post(resend, follow=True).content.decode() for _press in range(6)]
    assert [f"Ссылка отправляется на {ANNA}." in one for one in told] == [True] * 5 + [False]
    assert "За час отправлено слишком много писем." in told[-1]
    assert len(letters()) == 1 + 5

    settings.EMAIL_HOST = ""
    page = client.get(SECURITY).content.decode()
    assert "Эта установка не отправляет писем, поэтому подтвердить почту нельзя." in page
    assert resend not in page
    assert "не отправляет писем" in client.post(resend, follow=True).content.decode()
    assert len(letters()) == 1 + 5


@pytest.mark.parametrize(
    ("by_mail", "email", "confirmed"),
    [(True, "Anna@okna.example", True), (True, "boris@okna.example", False), (False, ANNA, False)],
)
def test_address_counts_as_confirmed_when_the_invitation_was_opened_from_its_mail(
    client: Client, made: Invitation, by_mail: bool, email: str, confirmed: bool
) -> None:
    message_of(made, "Иван").send()
    link = link_in_last_letter() if by_mail else urlsplit(link_of(made)).path

    client.post(link, NEW | {"email": email})

    assert may_be_written_to(email.lower()) == (confirmed,) * 3
    assert User.objects.get(email=email.lower()).check_password(PASSWORD)


def test_address_that_support_has_entered_needs_no_confirmation(
    client: Client, made: Invitation
) -> None:
    client.post(url_of(made), NEW)
    person = User.objects.get(email=ANNA)
    person.email = ""
    assert mail_address(person) == ""  # the login is the same address
    person.email = "anna.k@okna.example"
    person.save()

    assert may_be_written_to("anna.k@okna.example") == (True, True, True)


def test_address_that_another_person_has_confirmed_is_not_confirmed_twice(
    client: Client, made: Invitation
) -> None:
    client.post(url_of(made), NEW)
    link = link_in_last_letter()
    EmailAddress.objects.create(user=factories.make_user(), email=ANNA, verified=True)

    told = client.post(link, follow=True).content.decode()

    assert "С этой почтой уже есть другой вход." in told
    assert may_be_written_to() == (False, False, False)
    assert not AuditEvent.objects.filter(action="user.email_confirmed").exists()
