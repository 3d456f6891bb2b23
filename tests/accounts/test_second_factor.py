"""Codes of an application and recovery codes: one door for customers and staff, counted guesses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.fernet import Fernet
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import UserSession
from cabinets.models import AuditEvent, Cabinet
from cabinets.sealing import UnsealFailed, unseal
from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN, CODE = "/accounts/login/", "/accounts/login/code/"
SECURITY, APP, CODES = "/accounts/security/", "/accounts/security/app/", "/accounts/security/codes/"
HOME = "/lk/integrations"
NOW = "2026-11-20T10:00:00Z"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    cache.clear()  # codes used by earlier tests
    with time_machine.travel(NOW, tick=False) as travelled:
        yield travelled


def confirm(client: Client, password: str = factories.PASSWORD, page: str = APP) -> Any:
    """Open a page of the protection and give the password that is asked for first."""
    asked = client.get(page)
    return client.post(asked.headers["Location"], {"password": password}, follow=True)


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(timezone.now().timestamp()) // 30)))


def connect(client: Client) -> tuple[str, list[str]]:
    """Connect an application; return its secret and the recovery codes that were shown."""
    page = confirm(client).content.decode()
    (secret,) = re.findall(r'data-copy="([A-Z2-7]{32})"', page)
    shown = client.post(APP, {"code": code_of(secret)}, follow=True).content.decode()
    return secret, re.findall(r"<code>(\d{8})</code>", shown)


def give_password(client: Client, path: str = SIGN_IN) -> Any:
    return client.post(path, {"username": "owner", "password": factories.PASSWORD})


def test_code_is_asked_for_after_the_password_and_signs_in_once(
    owner_client: Client, cabinet: Cabinet, clock: time_machine.Traveller
) -> None:
    secret, codes = connect(owner_client)
    first, second = Client(), Client()

    answer = give_password(first)
    assert answer.headers["Location"] == CODE
    assert first.get(HOME).headers["Location"] == f"{SIGN_IN}?next={HOME}"
    assert "ck_browser" not in first.cookies
    clock.shift(30)
    code = code_of(secret)
    assert first.post(CODE, {"code": code}).headers["Location"] == HOME
    assert first.get(HOME).status_code == 200
    assert "ck_browser" in first.cookies

    give_password(second)
    again = second.post(CODE, {"code": code})
    assert (again.status_code, "Не подошло" in again.content.decode()) == (200, True)
    assert second.post(CODE, {"code": codes[0]}).headers["Location"] == HOME
    third = Client()
    give_password(third)
    assert third.post(CODE, {"code": codes[0]}).status_code == 200
    assert third.post(CODE, {"code": codes[1]}).status_code == 302


def test_admin_has_no_way_around_the_code(owner_client: Client, owner: User) -> None:
    owner.is_staff = owner.is_superuser = True
    owner.save()
    _secret, codes = connect(owner_client)
    client = Client()

    assert give_password(client, "/admin/login/?next=/admin/auth/").headers["Location"] == CODE
    assert client.get("/admin/").status_code == 302
    assert client.post(CODE, {"code": codes[0]}).headers["Location"] == "/admin/auth/"
    assert client.get("/admin/").status_code == 200


def test_guesses_of_a_code_are_counted_and_a_later_code_is_admitted(
    owner_client: Client, clock: time_machine.Traveller
) -> None:
    secret, codes = connect(owner_client)
    client = Client()
    give_password(client)
    delays: list[float] = []
    hook: Any = {"callkeeper.send_after": delays.append}

    answers = [client.post(CODE, {"code": "000000"}, **hook) for _ in range(11)]

    assert [one.status_code for one in answers] == [200] * 10 + [429]
    assert delays == [1.0]
    assert answers[-1].headers["Retry-After"] == "90"
    assert "Неверный код введён слишком много раз" in answers[-1].content.decode()
    assert client.post(CODE, {"code": codes[0]}).status_code == 429
    clock.shift(90)
    assert client.post(CODE, {"code": code_of(secret)}).status_code == 302


def test_without_redis_only_a_recovery_code_is_taken(
    owner_client: Client, settings: Settings, clock: time_machine.Traveller
) -> None:
    secret, codes = connect(owner_client)
    clock.shift(60)
    client = Client()
    give_password(client)
    unreachable = "redis://127.0.0.1:1/0"
    settings.REDIS_URL = unreachable
    settings.CACHES = {"default": settings.CACHES["default"] | {"LOCATION": unreachable}}

    refused = client.post(CODE, {"code": code_of(secret)})

    assert "Код сейчас не проверить" in refused.content.decode()
    assert client.post(CODE, {"code": codes[0]}).status_code == 302


def test_protection_is_changed_only_after_the_password(owner_client: Client) -> None:
    assert owner_client.get(SECURITY).status_code == 200
    for path in (APP, "/accounts/security/passkeys/add/", f"{CODES}new/"):
        for method in ("get", "post"):
            answer = getattr(owner_client, method)(path)
            assert (
                answer.headers["Location"] == f"/accounts/confirm/?next={path.replace('/', '%2F')}"
            )

    wrong = confirm(owner_client, "no").content.decode()
    assert "Нынешний пароль введён неверно" in wrong
    assert owner_client.get(APP).status_code == 302
    refused = [owner_client.post("/accounts/confirm/", {"password": "no"}) for _ in range(10)]
    assert [one.status_code for one in refused] == [200] * 9 + [429]
    assert "защита входа прежняя" in refused[-1].content.decode()
    assert not Authenticator.objects.exists()


def test_secrets_are_sealed_and_shown_once(owner_client: Client, settings: Settings) -> None:
    page = confirm(owner_client).content.decode()
    (secret,) = re.findall(r'data-copy="([A-Z2-7]{32})"', page)
    assert "data:image/svg+xml" in page
    data = UserSession.objects.get(user__username="owner").get_decoded()
    assert secret not in str(data)
    owner_client.post(APP, {"code": code_of(secret)})

    shown, later = (owner_client.get(CODES).content.decode() for _ in range(2))

    codes = re.findall(r"<code>(\d{8})</code>", shown)
    assert (len(codes), len(re.findall(r"<code>", later))) == (10, 0)
    assert "Эти коды уже показаны" in later
    totp = Authenticator.objects.get(type="totp")
    assert unseal(totp.data["secret"]) == secret
    old = settings.SEALING_KEYS
    settings.SEALING_KEYS = [Fernet.generate_key().decode(), *old]
    call_command("rotate_sealing_keys", stdout=StringIO())
    settings.SEALING_KEYS = settings.SEALING_KEYS[:1]
    totp.refresh_from_db()
    assert unseal(totp.data["secret"]) == secret
    settings.SEALING_KEYS = old
    with pytest.raises(UnsealFailed):
        unseal(Authenticator.objects.get(type="recovery_codes").data["seed"])


def test_new_codes_replace_the_old_and_turning_off_ends_them(
    owner_client: Client, owner: User
) -> None:
    _secret, old = connect(owner_client)
    page = owner_client.post(f"{CODES}new/", follow=True).content.decode()
    new = re.findall(r"<code>(\d{8})</code>", page)
    client = Client()
    give_password(client)
    assert client.post(CODE, {"code": old[0]}).status_code == 200
    assert client.post(CODE, {"code": new[0]}).status_code == 302
    assert "Осталось неиспользованных: 9" in client.get(SECURITY).content.decode()

    owner_client.post("/accounts/security/app/off/")

    assert give_password(Client()).headers["Location"] == HOME
    events = AuditEvent.objects.order_by("pk").values_list("action", "actor__username", "after")
    types = [(action, actor, after.get("type")) for action, actor, after in events]
    assert types == [
        ("authenticator.added", "owner", "totp"),
        ("authenticator.added", "owner", "recovery_codes"),
        ("authenticator.deleted", "owner", None),
        ("authenticator.added", "owner", "recovery_codes"),
        ("authenticator.deleted", "owner", None),
        ("authenticator.deleted", "owner", None),
    ]


def test_support_takes_a_lost_factor_away_and_sees_no_secret(
    owner_client: Client, owner: User
) -> None:
    connect(owner_client)
    root = Client()
    root.force_login(factories.make_user(username="root", is_staff=True, is_superuser=True))
    totp = Authenticator.objects.get(type="totp")
    change = root.get(reverse("admin:mfa_authenticator_change", args=[totp.pk])).content.decode()
    assert totp.data["secret"] not in change
    assert 'name="data"' not in change

    root.post(reverse("admin:mfa_authenticator_delete", args=[totp.pk]), {"post": "yes"})

    assert not Authenticator.objects.exists()
    assert give_password(Client()).headers["Location"] == HOME


def test_password_by_mail_leaves_the_code_in_force(owner_client: Client, owner: User) -> None:
    connect(owner_client)
    owner.set_password("ne-ugadaesh-27")
    owner.save()
    client = Client()

    answer = client.post(SIGN_IN, {"username": "owner", "password": "ne-ugadaesh-27"})

    assert answer.headers["Location"] == CODE


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "{",
        "[]",
        "1",
        '{"id": "x"}',
        '{"rawId": "AA", "id": "AA", "response": {}}',
        '{"rawId": 1}',
    ],
)
def test_odd_answer_of_a_browser_signs_in_nobody(credential: str) -> None:
    client = Client()
    client.get("/accounts/login/passkey/", headers={"accept": "application/json"})

    answer = client.post("/accounts/login/passkey/", {"credential": credential})

    assert (answer.status_code, answer.headers["Location"]) == (302, SIGN_IN)
    assert "_auth_user_id" not in client.session


def test_attempts_of_a_passkey_take_a_short_session_each_and_are_counted(
    settings: Settings,
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    headers = {"accept": "application/json", "x-forwarded-for": "203.0.113.66"}

    answers = [Client().get("/accounts/login/passkey/", headers=headers) for _ in range(31)]

    assert [one.status_code for one in answers] == [200] * 30 + [429]
    assert set(answers[0].json()["request_options"]["publicKey"]) >= {"challenge", "rpId"}
    lives = {row.expire_date - timezone.now() for row in UserSession.objects.all()}
    assert (len(answers[:30]), {life.total_seconds() for life in lives}) == (30, {900.0})
