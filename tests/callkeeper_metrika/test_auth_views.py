"""Guessing a password locks out the one who guesses, and nobody else."""

from __future__ import annotations

import pytest
from axes.models import AccessAttempt
from django.test import Client
from pytest_django import Settings

from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN = "/accounts/login/"
GUESSER, VICTIM = "203.0.113.66", "198.51.100.7"


@pytest.fixture(autouse=True)
def behind_proxy(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    factories.make_user(username="victim")


def sign_in(password: str, *, came_by: str) -> int:
    form = {"username": "victim", "password": password}
    return Client().post(SIGN_IN, form, headers={"x-forwarded-for": came_by}).status_code


def guess(*, came_by: str = GUESSER) -> None:
    for _ in range(10):
        sign_in("no", came_by=came_by)


def test_guessing_from_one_address_leaves_the_person_at_another_alone() -> None:
    guess()

    assert sign_in(factories.PASSWORD, came_by=GUESSER) == 429
    assert sign_in(factories.PASSWORD, came_by=VICTIM) == 302


def test_address_is_the_last_one_that_the_proxy_wrote() -> None:
    guess(came_by=f"{VICTIM}, {GUESSER}")

    assert sign_in(factories.PASSWORD, came_by=f"192.0.2.1, {GUESSER}") == 429
    assert sign_in(factories.PASSWORD, came_by=VICTIM) == 302


def test_made_up_addresses_do_not_open_the_lock() -> None:
    for number in range(10):
        sign_in("no", came_by=f"10.0.0.{number}, {GUESSER}")

    assert sign_in(factories.PASSWORD, came_by=f"10.0.0.77, {GUESSER}") == 429


def test_without_a_proxy_the_header_is_not_believed(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = None
    for number in range(10):
        sign_in("no", came_by=f"203.0.113.{number}")

    assert sign_in(factories.PASSWORD, came_by=VICTIM) == 429


def test_what_is_no_address_counts_for_the_proxy() -> None:
    sign_in("no", came_by="unknown")

    assert AccessAttempt.objects.get().ip_address == "127.0.0.1"


def test_who_is_locked_out_is_told_what_to_do() -> None:
    guess()

    form = {"username": "victim", "password": factories.PASSWORD}
    answer = Client().post(SIGN_IN, form, headers={"x-forwarded-for": GUESSER})

    html = answer.content.decode()
    assert "Слишком много попыток" in html
    assert "через 15 минут" in html
    assert f'href="{SIGN_IN}"' in html


@pytest.mark.parametrize(
    ("hint", "shown"), [("", False), ("owner", False), ("owner / s3cret", True)]
)
def test_trial_shows_how_to_sign_in(settings: Settings, hint: str, shown: bool) -> None:
    settings.DEMO_LOGIN_HINT = hint

    html = Client().get(SIGN_IN).content.decode()

    assert ("Это демонстрация" in html, "s3cret" in html) == (shown, shown)


@pytest.mark.parametrize("name", ["password_reset/", "password_change/", "reset/MQ/set-password/"])
def test_django_pages_without_a_use_here_are_not_there(name: str) -> None:
    assert Client().get(f"/accounts/{name}").status_code == 404
