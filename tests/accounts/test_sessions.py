"""Sessions know whose they are: a person sees and ends them, a new password ends them."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import import_module
from types import ModuleType

import pytest
import time_machine
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore as FormerStore
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.browsers import browser_name
from accounts.models import UserSession
from accounts.tasks import purge
from cabinets.models import AuditEvent, Cabinet
from callkeeper_metrika.schedule import SCHEDULE
from integrations.models import LinkAttempt
from tests import factories

pytestmark = pytest.mark.django_db
SESSIONS, SIGN_IN = "/accounts/sessions/", "/accounts/login/"
CHROME = "Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1"


def sign_in(user_agent: str, address: str, name: str = "owner") -> Client:
    client = Client(headers={"user-agent": user_agent}, REMOTE_ADDR=address)
    client.post(SIGN_IN, {"username": name, "password": factories.PASSWORD})
    return client


def text(html: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.decode()).split())


def test_page_names_browser_address_and_time_of_each_sign_in(owner: User) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        own = sign_in(CHROME, "203.0.113.5")
        clock.shift(3600)
        sign_in(IPHONE, "2001:db8::7")

        shown = text(own.get(SESSIONS).content)

    assert "Chrome, Windows этот браузер Вход 20 ноя 2026, 13:00 · адрес 203.0.113.5" in shown
    assert "Safari, iPhone Вход 20 ноя 2026, 14:00 · адрес 2001:db8::7" in shown
    assert "Завершить другие сеансы" in shown


def test_address_of_a_proxy_is_not_shown_as_that_of_a_browser(
    owner: User, settings: Settings
) -> None:
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

    own = sign_in(CHROME, "203.0.113.5")

    assert UserSession.objects.get(user=owner).address == ""
    assert "203.0.113.5" not in own.get(SESSIONS).content.decode()


def test_button_ends_the_other_sessions_of_this_person_only(
    owner: User, stranger_client: Client
) -> None:
    own, other = sign_in(CHROME, "203.0.113.5"), sign_in(IPHONE, "203.0.113.6")

    answer = own.post(SESSIONS, follow=True)

    assert "Другие сеансы завершены: там нужно войти заново." in text(answer.content)
    assert "Других сеансов нет." in text(answer.content)
    assert "Завершить другие сеансы" not in text(answer.content)
    assert other.get(SESSIONS).status_code == 302
    assert stranger_client.get(SESSIONS).status_code == 200
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.after) == ("user.sessions_ended", owner, {"count": 1})


def test_second_press_ends_nothing_and_records_nothing(owner: User) -> None:
    own = sign_in(CHROME, "203.0.113.5")

    answer = own.post(SESSIONS, follow=True)

    assert "Других сеансов нет." in text(answer.content)
    assert not AuditEvent.objects.exists()


def test_request_that_runs_while_its_session_is_ended_does_not_store_it_again(
    owner: User,
) -> None:
    own, other = sign_in(CHROME, "203.0.113.5"), sign_in(IPHONE, "203.0.113.6")
    running = other.session
    running.load()
    running["cabinet_id"] = 1
    own.post(SESSIONS)

    with pytest.raises(Exception, match=r".*") as caught:
        running.save()

    assert caught.typename == "UpdateError"
    assert UserSession.objects.filter(user=owner).count() == 1


def test_change_of_the_password_ends_the_other_sessions(owner: User) -> None:
    own, other = sign_in(CHROME, "203.0.113.5"), sign_in(IPHONE, "203.0.113.6")
    form = {
        "old_password": factories.PASSWORD,
        "new_password1": "ne-ugadaesh-27",
        "new_password2": "ne-ugadaesh-27",
    }

    own.post("/accounts/password/change/", form)

    assert own.get(SESSIONS).status_code == 200
    assert other.get(SESSIONS).status_code == 302
    assert UserSession.objects.filter(user=owner).count() == 1


def test_menu_leads_to_the_sessions(owner_client: Client) -> None:
    assert f'href="{SESSIONS}"' in owner_client.get("/lk/integrations").content.decode()


def test_page_needs_a_sign_in() -> None:
    for method in ("get", "post"):
        answer = getattr(Client(), method)(SESSIONS)
        assert answer.headers["Location"] == f"{SIGN_IN}?next={SESSIONS}"


@pytest.fixture
def migration() -> ModuleType:
    return import_module("accounts.migrations.0001_sessions")


def test_upgrade_keeps_people_signed_in(owner: User, migration: ModuleType) -> None:
    former = FormerStore()
    former.update(
        {
            "_auth_user_id": str(owner.pk),
            "_auth_user_backend": "django.contrib.auth.backends.ModelBackend",
            "_auth_user_hash": owner.get_session_auth_hash(),
        }
    )
    former.create()
    former.save()
    without_a_user, expired = FormerStore(), FormerStore()
    without_a_user.create()
    expired.set_expiry(-1)
    expired.create()

    migration.copy_sessions(apps, None)

    client = Client()
    client.cookies["sessionid"] = str(former.session_key)
    shown = text(client.get(SESSIONS).content)
    assert "Неизвестный браузер этот браузер Время входа неизвестно" in shown
    assert list(UserSession.objects.values_list("pk", "user")) == [(former.session_key, owner.pk)]
    assert not Session.objects.exists()


def test_upgrade_drops_the_tables_of_django_axes(migration: ModuleType) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE axes_accesslog (id int)")
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('axes', 'x', now())"
        )
        cursor.execute(migration.AXES)
        cursor.execute("SELECT to_regclass('axes_accesslog')")
        assert cursor.fetchone() == (None,)
        cursor.execute("SELECT count(*) FROM django_migrations WHERE app = 'axes'")
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (CHROME, "Chrome, Windows"),
        (IPHONE, "Safari, iPhone"),
        (CHROME + " YaBrowser/24.10", "Яндекс Браузер, Windows"),
        (CHROME + " Edg/130.0", "Edge, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Firefox/131.0", "Firefox, Linux"),
        ("curl/8.5.0", "Неизвестный браузер"),
        ("", "Неизвестный браузер"),
    ],
)
def test_name_of_a_browser(user_agent: str, name: str) -> None:
    assert browser_name(user_agent) == name


def attempt(cabinet: Cabinet, owner: User, hours: float) -> LinkAttempt:
    return LinkAttempt.objects.create(
        state_digest=f"state{hours}",
        session_digest="session",
        user=owner,
        cabinet=cabinet,
        mode=LinkAttempt.Mode.ADD,
        code_verifier="verifier",
        device_id="device",
        authorisation_server="https://oauth.yandex.ru",
        created_at=timezone.now() - timedelta(hours=hours),
    )


def test_purge_deletes_what_is_past_its_retention_and_nothing_else(
    owner: User, cabinet: Cabinet
) -> None:
    with time_machine.travel("2026-11-20T10:00:00Z", tick=False) as clock:
        sign_in(CHROME, "203.0.113.5")
        clock.shift(timedelta(days=13))
        fresh = sign_in(IPHONE, "203.0.113.6")
        clock.shift(timedelta(days=2))
        attempt(cabinet, owner, 24.1)
        kept = attempt(cabinet, owner, 23.9)

        purge()

        assert list(UserSession.objects.values_list("pk", flat=True)) == [fresh.session.session_key]
        assert list(LinkAttempt.objects.all()) == [kept]


def test_beat_purges_every_hour() -> None:
    assert SCHEDULE["purge-sign-ins"] == {"task": "accounts.purge", "schedule": 3600.0}
