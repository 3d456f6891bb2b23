"""Guesses are counted and refused before hashing; an owner always has a way in. Demo sign-in."""

from __future__ import annotations

from typing import Any

import pytest
import time_machine
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from accounts import early_refusal
from cabinets import rate_limit
from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN, ADMIN = "/accounts/login/", "/admin/login/"
FORGOTTEN = "/accounts/password/forgotten/"
ATTACKER, VICTIM = "203.0.113.66", "198.51.100.7"
NOW = "2026-11-20T10:00:00Z"
STRANGERS = [f"192.0.2.{number}" for number in range(1, 60)]


@pytest.fixture(autouse=True)
def behind_proxy(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    factories.make_user(username="victim")


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were hashed."""
    made: list[str] = []
    encode = MD5PasswordHasher.encode

    def note(hasher: MD5PasswordHasher, password: str, salt: str) -> str:
        made.append(password)
        return encode(hasher, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", note)
    return made


def sign_in(
    password: str,
    *,
    forwarded_for: str,
    name: str = "victim",
    client: Client | None = None,
    path: str = SIGN_IN,
) -> Any:
    form = {"username": name, "password": password}
    headers = {"x-forwarded-for": forwarded_for} if forwarded_for else {}
    return (client or Client()).post(path, form, headers=headers)


def guess(name: str = "victim", *, times: int = 10, path: str = SIGN_IN) -> list[int]:
    """Guess from an address of its own each time; return the statuses."""
    return [
        sign_in("no", forwarded_for=address, name=name, path=path).status_code
        for address in STRANGERS[:times]
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (SIGN_IN, "victim"),
        (ADMIN, "victim"),
        (SIGN_IN, "nobody"),
        (SIGN_IN, "inactive"),
        (SIGN_IN, "invited"),
    ],
)
def test_guesses_of_one_name_from_many_addresses_are_refused_before_hashing(
    name: str, path: str, hashed: list[str]
) -> None:
    """At the same cost for a name that exists and for one that cannot sign in."""
    factories.make_user(username="inactive", is_active=False)
    User.objects.create(username="invited", password=make_password(None))
    hashed.clear()

    assert guess(name, times=13, path=path) == [200] * 10 + [429] * 3
    assert len(hashed) == 10


def test_web_server_is_asked_to_send_only_refusals_later() -> None:
    delays: list[float] = []
    hook: Any = {"callkeeper.send_after": delays.append}
    right = {"username": "victim", "password": factories.PASSWORD}
    wrong = right | {"password": "no"}

    assert Client().post(SIGN_IN, right, **hook).status_code == 302
    assert [Client().post(SIGN_IN, wrong, **hook).status_code for _n in range(12)] == (
        [200] * 10 + [429] * 2
    )

    assert delays == [early_refusal.SLOWED_SECONDS] * 2


@pytest.mark.parametrize("path", [FORGOTTEN, "/accounts/password/change/"])
def test_refusals_of_other_password_forms_are_sent_later_too(path: str) -> None:
    delays: list[float] = []
    hook: Any = {"callkeeper.send_after": delays.append}
    client = Client(enforce_csrf_checks=True)

    assert client.get(path, **hook).status_code in (200, 302)
    assert delays == []
    assert client.post(path, {}, **hook).status_code == 403
    assert delays == [early_refusal.SLOWED_SECONDS]


@pytest.mark.parametrize("path", [SIGN_IN, ADMIN])
def test_guesses_of_many_names_from_one_address_are_refused_before_hashing(
    path: str, hashed: list[str]
) -> None:
    answers = [
        sign_in("no", forwarded_for=ATTACKER, name=f"name{number}", path=path).status_code
        for number in range(33)
    ]

    assert answers == [200] * 30 + [429] * 3
    assert len(hashed) == 30
    with CaptureQueriesContext(connection) as queries:
        again = sign_in("no", forwarded_for=ATTACKER, path=path)
    assert (again.status_code, again.headers["Retry-After"]) == (429, "30")
    assert len(queries) == 0
    assert "С вашего адреса в интернете слишком часто" in again.content.decode()
    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM).status_code == 302


def test_address_is_admitted_again_when_its_wait_is_over() -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        for number in range(31):
            sign_in("no", forwarded_for=ATTACKER, name=f"name{number}")
        clock.shift(29)
        early = sign_in("no", forwarded_for=ATTACKER, name="later")
        clock.shift(1)
        late = sign_in("no", forwarded_for=ATTACKER, name="later")

    assert (early.status_code, early.headers["Retry-After"], late.status_code) == (429, "1", 200)


def test_refusal_has_the_same_words_for_a_name_that_exists_and_one_that_does_not() -> None:
    guess("victim")
    guess("nobody")

    known, unknown = (
        sign_in("no", forwarded_for=VICTIM, name=name) for name in ("victim", "nobody")
    )

    assert (known.status_code, known.content) == (429, unknown.content)
    assert known.headers["Retry-After"] == unknown.headers["Retry-After"] == "30"
    assert "no-store" in known.headers["Cache-Control"]


def test_browser_that_signed_in_before_is_not_stopped_by_strangers() -> None:
    client = Client()
    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM, client=client).status_code == 302
    client.post("/accounts/logout/")
    assert guess(times=11)[-1] == 429

    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM, client=client).status_code == 302


def test_browser_that_signed_in_before_has_ten_guesses_of_its_own() -> None:
    client = Client()
    sign_in(factories.PASSWORD, forwarded_for=VICTIM, client=client)
    guess()

    answers = [sign_in("no", forwarded_for=VICTIM, client=client).status_code for _ in range(11)]

    assert answers == [200] * 10 + [429]


@pytest.mark.parametrize("change", ["forged", "of another person", "new password"])
def test_cookie_that_does_not_belong_to_the_name_is_worth_nothing(change: str) -> None:
    client = Client()
    other = factories.make_user(username="other")
    name = "other" if change == "of another person" else "victim"
    sign_in(factories.PASSWORD, forwarded_for=VICTIM, name=name, client=client)
    if change == "forged":
        client.cookies["ck_browser"] = client.cookies["ck_browser"].value[:-3] + "abc"
    if change == "new password":
        victim = User.objects.get(username="victim")
        victim.set_password("another one 27")
        victim.save()
    guess()

    assert sign_in("no", forwarded_for=VICTIM, client=client).status_code == 429
    assert User.objects.get(pk=other.pk).check_password(factories.PASSWORD)


@pytest.mark.parametrize("path", [SIGN_IN, ADMIN])
def test_new_browser_signs_in_after_a_wait_whatever_strangers_do(path: str) -> None:
    User.objects.update(is_staff=True)
    client = Client()
    with time_machine.travel(NOW, tick=False) as clock:
        guess()
        first = sign_in(factories.PASSWORD, forwarded_for=VICTIM, client=client, path=path)
        assert (first.status_code, first.headers["Retry-After"]) == (429, "30")
        assert "подождите 30 секунд" in " ".join(first.content.decode().split())
        clock.shift(20)
        early = sign_in(factories.PASSWORD, forwarded_for=VICTIM, client=client, path=path)
        assert (early.status_code, early.headers["Retry-After"]) == (429, "11")
        guess(times=50)
        clock.shift(10)

        answer = sign_in(factories.PASSWORD, forwarded_for=VICTIM, client=client, path=path)

    assert answer.status_code == 302


def test_turn_admits_one_guess_and_the_next_wait_is_longer() -> None:
    client = Client()
    waits = []
    with time_machine.travel(NOW, tick=False) as clock:
        guess(times=40)
        for _ in range(4):
            refused = sign_in("no", forwarded_for=VICTIM, client=client)
            waits.append(int(refused.headers["Retry-After"]))
            clock.shift(waits[-1])
            turn = client.cookies["ck_turn"].value
            guess(times=12)  # the name has no guesses of its own
            assert sign_in("no", forwarded_for=VICTIM, client=client).status_code == 200
            client.cookies["ck_turn"] = turn
        again = sign_in("no", forwarded_for=VICTIM, client=client)

    assert waits == [30, 30, 30, 300]
    assert again.status_code == 429


def test_turn_of_one_name_admits_no_guess_of_another(hashed: list[str]) -> None:
    client = Client()
    with time_machine.travel(NOW, tick=False) as clock:
        guess("victim")
        guess("nobody")
        assert sign_in("no", forwarded_for=VICTIM, client=client).status_code == 429
        clock.shift(30)
        hashed.clear()

        answer = sign_in("no", forwarded_for=VICTIM, name="nobody", client=client)

    assert (answer.status_code, hashed) == (429, [])


@pytest.mark.parametrize("forwarded_for", ["", "unknown", "127.0.0.1", "10.0.0.1, 127.0.0.1"])
def test_behind_a_proxy_that_names_no_client_nobody_is_locked_out_for_everybody(
    forwarded_for: str,
) -> None:
    answers = {
        sign_in("no", forwarded_for=forwarded_for, name=f"name{number}").status_code
        for number in range(40)
    }

    assert answers == {200}
    assert sign_in(factories.PASSWORD, forwarded_for=forwarded_for).status_code == 302


def test_forged_addresses_in_x_forwarded_for_do_not_evade_the_limit() -> None:
    for number in range(30):
        sign_in("no", forwarded_for=f"10.0.0.{number}, {ATTACKER}", name=f"name{number}")

    assert sign_in("no", forwarded_for=f"{VICTIM}, {ATTACKER}").status_code == 429


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    for number in range(30):
        sign_in("no", forwarded_for=f"2001:db8::{number:x}", name=f"name{number}")

    assert sign_in("no", forwarded_for="2001:db8::ffff").status_code == 429
    assert sign_in("no", forwarded_for="2001:db8:0:1::1").status_code == 200


def test_without_a_proxy_x_forwarded_for_is_ignored(settings: Settings) -> None:
    settings.SECURE_PROXY_SSL_HEADER = None
    for number in range(30):
        sign_in("no", forwarded_for=f"203.0.113.{number}", name=f"name{number}")

    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM).status_code == 429


@pytest.mark.parametrize("proxy", ["127.0.0.1", "172.18.0.1", "fd00::1"])
def test_behind_a_proxy_that_the_settings_do_not_name_everybody_has_a_turn(
    settings: Settings, proxy: str
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = None
    client = Client(REMOTE_ADDR=proxy)
    with time_machine.travel(NOW, tick=False) as clock:
        for number in range(31):
            sign_in("no", forwarded_for="", name=f"name{number}", client=Client(REMOTE_ADDR=proxy))
        refused = sign_in(factories.PASSWORD, forwarded_for="", client=client)
        clock.shift(30)
        for number in range(3):
            sign_in("no", forwarded_for="", name=f"late{number}", client=Client(REMOTE_ADDR=proxy))

        answer = sign_in(factories.PASSWORD, forwarded_for="", client=client)

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert "С вашего адреса в интернете" in refused.content.decode()
    assert "подождите 30 секунд" in " ".join(refused.content.decode().split())
    assert answer.status_code == 302


def test_sign_ins_that_succeed_use_nothing_up() -> None:
    answers = [sign_in(factories.PASSWORD, forwarded_for=VICTIM).status_code for _ in range(40)]

    assert set(answers) == {302}
    assert guess() == [200] * 10


def test_without_redis_people_sign_in_and_nothing_is_counted(
    settings: Settings, hashed: list[str]
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert guess(times=12) == [200] * 12
    assert len(hashed) == 12
    assert sign_in(factories.PASSWORD, forwarded_for=VICTIM).status_code == 302
    assert rate_limit._paused_until > 0


@pytest.mark.parametrize(("server", "is_offered"), [("mail.example", True), ("", False)])
def test_new_password_is_offered_only_where_mail_can_be_sent(
    settings: Settings, server: str, is_offered: bool
) -> None:
    settings.EMAIL_HOST, settings.SUPPORT_EMAIL = server, "help@callkeeper.example"

    wrong = sign_in("no", forwarded_for=ATTACKER).content.decode()
    guess()
    refused = sign_in("no", forwarded_for=ATTACKER).content.decode()

    assert ("задайте новый по ссылке «Забыли пароль?»" in wrong) == is_offered
    assert ("напишите в поддержку CallKeeper: help@callkeeper.example" in wrong) != is_offered
    assert (f'<a href="{FORGOTTEN}">задайте новый</a>' in refused) == is_offered
    assert ("Если забыли пароль, напишите в поддержку CallKeeper" in refused) != is_offered


def test_refusal_leads_back_to_its_own_address_where_the_form_is() -> None:
    guess()

    html = sign_in("no", forwarded_for=ATTACKER).content.decode()

    assert 'href="">Ко входу</a>' in html


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

    assert (
        sign_in(factories.PASSWORD, forwarded_for="", name="anna@okna.example").status_code == 200
    )


def test_guesses_by_email_count_for_the_login() -> None:
    User.objects.filter(username="victim").update(email="anna@okna.example")
    guess("anna@okna.example")

    assert sign_in("no", forwarded_for=ATTACKER).status_code == 429


def test_sign_in_page_says_in_our_words_what_is_wrong_and_what_to_do() -> None:
    answer = Client().post(SIGN_IN, {"username": "victim", "password": "no"})

    html = answer.content.decode()
    assert "Логин или пароль не подходит. Проверьте раскладку и Caps Lock" in html
    assert 'href="/accounts/password/forgotten/"' in html
    assert "чувствительны к регистру" not in html


def test_admin_refuses_a_customer_in_the_words_of_a_wrong_password() -> None:
    customer = sign_in(factories.PASSWORD, forwarded_for=VICTIM, path=ADMIN)
    wrong = sign_in("no", forwarded_for=VICTIM, path=ADMIN)

    assert [one.status_code for one in (customer, wrong)] == [200, 200]
    for answer in (customer, wrong):
        assert "Логин или пароль не подходит. Проверьте раскладку" in answer.content.decode()
