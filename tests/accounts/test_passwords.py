"""A forgotten password is recovered by e-mail, a known one changed: in our words and our look."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from smtplib import SMTPServerDisconnected
from threading import BoundedSemaphore, Event
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from pytest_django import Settings

from accounts import forms
from accounts import mail as mail_queue
from accounts import views as auth_views
from accounts.mail import send_later, wait_until_sent
from accounts.models import Preference
from accounts.preferences import LANGUAGE_COOKIE
from cabinets.models import Cabinet
from cabinets.rate_limit import RateLimit
from tests import factories
from tests.rate_limits import enforce_rate_limits

pytestmark = pytest.mark.django_db
FORGOTTEN, SENT = "/accounts/password/forgotten/", "/accounts/password/sent/"
CHANGE, SIGN_IN = "/accounts/password/change/", "/accounts/login/"
LINK = re.compile(r"http://127\.0\.0\.1:8000(/accounts/password/new/\S+)")
NEW = "ne-ugadaesh-27"


@pytest.fixture(autouse=True)
def mail_server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail server, and no limits of earlier tests."""
    settings.EMAIL_HOST = "mail.example"
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    monkeypatch.setattr(auth_views, "consume", lambda *args, **kwargs: 0)


@pytest.fixture
def anna(db: None) -> User:
    person = factories.make_user(username="anna")
    User.objects.filter(pk=person.pk).update(email="anna@okna.example")
    return person


def ask(login: str) -> Any:
    answer = Client().post(FORGOTTEN, {"login": login})
    wait_until_sent()
    return answer


def link_for(login: str) -> str:
    ask(login)
    found = LINK.search(str(mail.outbox[-1].body))
    assert found
    return found[1]


def open_link(client: Client, link: str) -> Any:
    return client.get(link, follow=True)


def set_password(client: Client, link: str, first: str, second: str) -> Any:
    form = open_link(client, link)
    address = form.redirect_chain[-1][0]
    return client.post(address, {"new_password1": first, "new_password2": second})


@pytest.mark.parametrize("login", ["anna", "anna@okna.example", "Anna@Okna.example"])
def test_link_is_sent_to_the_address_of_the_person(anna: User, login: str) -> None:
    answer = ask(login)

    (message,) = mail.outbox
    assert (answer.status_code, answer.headers["Location"]) == (302, SENT)
    assert message.to == ["anna@okna.example"]
    assert message.subject == "Новый пароль в CallKeeper"
    assert message.from_email == "CallKeeper <i@callkeeper.ru>"
    assert LINK.search(str(message.body))
    assert "логина anna" in str(message.body)
    assert "Поддержка CallKeeper: i@callkeeper.ru" in str(message.body)


def test_message_is_in_the_language_of_the_person_else_of_the_page(anna: User) -> None:
    browser = Client()
    browser.cookies[LANGUAGE_COOKIE] = "en"
    for stored in (None, "ru", "en"):
        if stored:
            Preference.objects.update_or_create(user=anna, defaults={"language": stored})
        (browser if stored != "en" else Client()).post(FORGOTTEN, {"login": "anna"})
    wait_until_sent()

    assert [message.subject for message in mail.outbox] == [
        "Your new CallKeeper password",
        "Новый пароль в CallKeeper",
        "Your new CallKeeper password",
    ]
    assert "логина" not in str(mail.outbox[2].body)


def test_link_leads_to_the_public_url_whatever_the_host(anna: User, settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    Client().post(FORGOTTEN, {"login": "anna"}, headers={"host": "evil.example"})
    wait_until_sent()

    assert "evil.example" not in str(mail.outbox[0].body)
    assert LINK.search(str(mail.outbox[0].body))


def test_answer_does_not_tell_whether_a_login_exists(anna: User) -> None:
    factories.make_user(username="without-address")
    factories.make_user(username="inactive", is_active=False)
    User.objects.filter(username="without-address").update(email="")

    answers = [ask(one) for one in ("anna", "nobody", "without-address", "inactive")]

    assert {(one.status_code, one.headers["Location"]) for one in answers} == {(302, SENT)}
    assert len({one.content for one in answers}) == 1
    assert [message.to for message in mail.outbox] == [["anna@okna.example"]]


def test_page_after_asking_says_what_to_expect() -> None:
    html = Client().get(SENT).content.decode()

    assert "Если такой логин есть и его почта подтверждена" in html
    assert '<a href="mailto:i@callkeeper.ru">i@callkeeper.ru</a>' in html


def test_new_password_is_set_once_and_signs_in(anna: User) -> None:
    link, client = link_for("anna"), Client()

    answer = set_password(client, link, NEW, NEW)

    page = client.get(SIGN_IN).content.decode()
    assert (answer.status_code, answer.headers["Location"]) == (302, SIGN_IN)
    assert "Пароль сохранён. Войдите с ним." in page
    assert signs_in("anna", NEW)
    assert "Ссылка не действует" in open_link(Client(), link).content.decode()


def signs_in(login: str, password: str) -> bool:
    answer = Client().post(SIGN_IN, {"username": login, "password": password})
    return answer.status_code == 302


@pytest.mark.parametrize(("hours", "is_valid"), [(23, True), (25, False)])
def test_link_is_valid_for_a_day(anna: User, hours: int, is_valid: bool) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        link = link_for("anna")
        clock.shift(hours * 3600)
        html = open_link(Client(), link).content.decode()

    assert ("Ссылка не действует" not in html) == is_valid
    assert ("Сохранить пароль" in html) == is_valid


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ("Kw7-xq", "Kw7-xq", "Пароль слишком короткий: нужно не меньше 8 знаков."),
        ("password", "password", "Такой пароль слишком часто встречается: придумайте другой."),
        ("830192745613", "830192745613", "Пароль из одних цифр легко подобрать: добавьте буквы."),
        ("anna@okna.example", "anna@okna.example", "Пароль слишком похож на логин, имя или почту"),
        (NEW, NEW + "x", "Пароли не совпадают: введите одинаковые."),
        ("", "", "Заполните это поле."),
    ],
)
def test_bad_password_is_refused_in_our_words(
    anna: User, first: str, second: str, said: str
) -> None:
    answer = set_password(Client(), link_for("anna"), first, second)

    assert said in answer.content.decode()
    assert signs_in("anna", factories.PASSWORD)


def test_without_a_mail_server_the_page_names_support(anna: User, settings: Settings) -> None:
    settings.EMAIL_HOST = ""
    settings.SUPPORT_EMAIL = "help@callkeeper.example"

    page, answer = Client().get(FORGOTTEN), ask("anna")

    for shown in (page, answer):
        html = shown.content.decode()
        assert shown.status_code == 200
        assert "Письма отсюда пока не отправляются" in html
        assert "mailto:help@callkeeper.example" in html
        assert "<form" not in html
    assert mail.outbox == []


def test_too_many_requests_are_refused_whether_the_login_exists_or_not(
    anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    enforce_rate_limits(monkeypatch)
    monkeypatch.setattr(auth_views, "is_mail_configured", lambda: True)
    suffix = str(anna.pk)
    for limit in ("PER_ADDRESS", "PER_LOGIN"):
        limited = getattr(auth_views, limit)
        name = f"{limited.name}_{suffix}"
        monkeypatch.setattr(
            auth_views, limit, RateLimit(name, limited.units, limited.window_seconds)
        )

    known = [ask("anna").status_code for _ in range(4)]
    unknown = [ask("nobody").status_code for _ in range(4)]
    others = [ask(f"other-{number}").status_code for number in range(5)]

    assert known == unknown == [302, 302, 302, 429]
    assert others == [302, 302, 429, 429, 429]
    assert len(mail.outbox) == 3


def test_mail_server_that_fails_is_logged_without_the_address(
    anna: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_message: EmailMessage) -> None:
        raise SMTPServerDisconnected("anna@okna.example")

    monkeypatch.setattr(EmailMessage, "send", fail)

    answer = ask("anna")

    assert answer.headers["Location"] == SENT
    assert "e-mail not sent: SMTPServerDisconnected" in caplog.text
    assert "anna@okna.example" not in caplog.text
    assert send_later(lambda: [EmailMessage("x", "x")])  # the sender goes on
    wait_until_sent()


@pytest.mark.parametrize("login", ["anna", "nobody"])
def test_answer_waits_for_no_e_mail_to_be_made(
    anna: User, login: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued: list[Callable[[], Iterable[EmailMessage]]] = []
    made: list[str] = []
    monkeypatch.setattr(forms, "send_later", queued.append)
    monkeypatch.setattr(forms, "link_message", lambda _user, address: made.append(address))

    answer = Client().post(FORGOTTEN, {"login": login})

    assert (answer.status_code, answer.headers["Location"]) == (302, SENT)
    assert (len(queued), made) == (1, [])
    list(queued[0]())
    assert made == (["anna@okna.example"] if login == "anna" else [])


def test_queue_of_e_mails_is_bounded(
    anna: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mail_queue, "_free", BoundedSemaphore(2))
    release = Event()

    def wait() -> list[EmailMessage]:
        release.wait(30)
        return []

    try:
        assert [send_later(wait), send_later(wait), send_later(wait)] == [True, True, False]
        answer = Client().post(FORGOTTEN, {"login": "anna"})
    finally:
        release.set()
    wait_until_sent()

    assert answer.headers["Location"] == SENT
    assert mail.outbox == []
    assert "e-mail dropped" in caplog.text
    assert "anna" not in caplog.text
    ask("anna")
    assert len(mail.outbox) == 1


def test_e_mail_that_cannot_be_made_frees_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail_queue, "_free", BoundedSemaphore(1))

    def fail() -> list[EmailMessage]:
        raise ValueError("no template")

    for _ in range(3):
        assert send_later(fail)
        wait_until_sent()


def change(client: Client, old: str, new: str, again: str) -> Any:
    form = {"old_password": old, "new_password1": new, "new_password2": again}
    return client.post(CHANGE, form, follow=True)


def test_password_is_changed_and_other_browsers_are_signed_out(
    owner_client: Client, cabinet: Cabinet
) -> None:
    other = Client()
    other.force_login(User.objects.get(username="owner"))

    page = change(owner_client, factories.PASSWORD, NEW, NEW).content.decode()

    assert "Пароль изменён. В других браузерах нужно войти заново." in page
    assert owner_client.get("/lk/integrations").status_code == 200
    assert other.get("/lk/integrations").status_code == 302
    assert signs_in("owner", NEW)


def test_wrong_old_password_changes_nothing(owner_client: Client) -> None:
    page = change(owner_client, "no", NEW, NEW).content.decode()

    assert "Нынешний пароль введён неверно. Проверьте раскладку и Caps Lock." in page
    assert signs_in("owner", factories.PASSWORD)


def test_menu_leads_to_the_change_of_the_password(owner_client: Client) -> None:
    html = owner_client.get("/lk/integrations").content.decode()

    assert f'href="{CHANGE}"' in html
    for words in ("Нынешний пароль", "Новый пароль", "Новый пароль ещё раз", "Не короче 8 знаков"):
        assert words in owner_client.get(CHANGE).content.decode()


def test_change_needs_a_sign_in() -> None:
    assert Client().get(CHANGE).headers["Location"] == f"{SIGN_IN}?next={CHANGE}"
