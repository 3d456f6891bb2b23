"""Lockout after failed sign-ins: by user name and client address. Demo credentials on the page."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/login/"
ATTACKER, VICTIM = "203.0.113.66", "198.51.100.7"


@pytest.fixture(autouse=True)
def behind_proxy(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    factories.make_user(username="victim")


def sign_in(password: str, *, forwarded_for: str) -> int:
    form = {"username": "victim", "password": password}
    return Client().post(SIGN_IN, form, headers={"x-forwarded-for": forwarded_for}).status_code


def guess_ten_times(*, forwarded_for: str = ATTACKER) -> None:
    for _ in range(10):
        sign_in("no", forwarded_for=forwarded_for)


def test_lockout_of_one_address_does_not_affect_another() -> None:
    guess_ten_times()

    assert sign_in(factories.PASSWORD, forwarded_for=ATTACKER) == 429
    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM) == 302


def test_client_address_is_the_last_one_in_x_forwarded_for() -> None:
    guess_ten_times(forwarded_for=f"{VICTIM}, {ATTACKER}")

    assert sign_in(factories.PASSWORD, forwarded_for=f"192.0.2.1, {ATTACKER}") == 429
    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM) == 302


def test_forged_addresses_in_x_forwarded_for_do_not_evade_the_lockout() -> None:
    for number in range(10):
        sign_in("no", forwarded_for=f"10.0.0.{number}, {ATTACKER}")

    assert sign_in(factories.PASSWORD, forwarded_for=f"10.0.0.77, {ATTACKER}") == 429


def test_without_a_proxy_x_forwarded_for_is_ignored(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = None
    for number in range(10):
        sign_in("no", forwarded_for=f"203.0.113.{number}")

    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM) == 429


def test_invalid_address_is_replaced_by_that_of_the_proxy() -> None:
    sign_in("no", forwarded_for="unknown")

    assert AccessAttempt.objects.get().ip_address == "127.0.0.1"


def test_lockout_page_says_when_to_try_again() -> None:
    guess_ten_times()

    form = {"username": "victim", "password": factories.PASSWORD}
    answer = Client().post(SIGN_IN, form, headers={"x-forwarded-for": ATTACKER})

    html = answer.content.decode()
    assert "Слишком много попыток" in html
    assert "через 15 минут" in html
    assert f'href="{SIGN_IN}"' in html


FORGOTTEN = "/accounts/password/forgotten/"


@pytest.mark.parametrize(("server", "is_offered"), [("mail.example", True), ("", False)])
def test_new_password_is_offered_only_where_mail_can_be_sent(
    settings: Settings, server: str, is_offered: bool
) -> None:
    settings.EMAIL_HOST, settings.SUPPORT_EMAIL = server, "help@callkeeper.example"
    form = {"username": "victim", "password": "no"}

    wrong = Client().post(SIGN_IN, form).content.decode()
    guess_ten_times()
    headers = {"x-forwarded-for": ATTACKER}
    locked = Client().post(SIGN_IN, form, headers=headers).content.decode()

    assert ("задайте новый по ссылке «Забыли пароль?»" in wrong) == is_offered
    assert ("напишите в поддержку CallKeeper: help@callkeeper.example" in wrong) != is_offered
    assert (f'<a href="{FORGOTTEN}">задайте новый</a>' in locked) == is_offered
    assert ("Если забыли пароль, напишите в поддержку CallKeeper" in locked) != is_offered


@pytest.mark.parametrize(
    ("hint", "shown"), [("", False), ("owner", False), ("owner / s3cret", True)]
)
def test_sign_in_page_shows_the_demo_credentials_if_set(
    settings: Settings, hint: str, shown: bool
) -> None:
    settings.DEMO_LOGIN_HINT = hint

    html = Client().get(SIGN_IN).content.decode()

    assert ("Это демонстрация" in html, "s3cret" in html) == (shown, shown)


@pytest.mark.parametrize("text", ["victim", "anna@okna.example", "ANNA@okna.example"])
def test_person_signs_in_by_login_or_by_email(text: str) -> None:
    User.objects.filter(username="victim").update(email="anna@okna.example")
    client = Client()

    answer = client.post(SIGN_IN, {"username": text, "password": factories.PASSWORD})

    assert answer.status_code == 302
    assert client.session["_auth_user_id"] == str(User.objects.get(username="victim").pk)


def test_email_of_two_people_signs_in_nobody() -> None:
    factories.make_user(username="second")
    User.objects.update(email="anna@okna.example")

    answer = Client().post(
        SIGN_IN, {"username": "anna@okna.example", "password": factories.PASSWORD}
    )

    assert answer.status_code == 200


def test_failures_by_email_count_for_the_login() -> None:
    User.objects.filter(username="victim").update(email="anna@okna.example")
    form = {"username": "anna@okna.example", "password": "no"}
    for _ in range(10):
        Client().post(SIGN_IN, form, headers={"x-forwarded-for": ATTACKER})

    assert sign_in(factories.PASSWORD, forwarded_for=ATTACKER) == 429


def test_sign_in_page_says_in_our_words_what_is_wrong_and_what_to_do() -> None:
    answer = Client().post(SIGN_IN, {"username": "victim", "password": "no"})

    html = answer.content.decode()
    assert "Логин или пароль не подходит. Проверьте раскладку и Caps Lock" in html
    assert 'href="/accounts/password/forgotten/"' in html
    assert "чувствительны к регистру" not in html
