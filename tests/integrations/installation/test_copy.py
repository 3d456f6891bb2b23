"""A copy of the database: `adopt_installation`, and no socket to the real Yandex."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent, Cabinet
from integrations.clients import metrika_client, oauth_client
from integrations.installation import guard, marks
from integrations.installation.file_mark import FileMark
from integrations.installation.state import Kind
from integrations.models import Installation, YandexAccount
from integrations.tokens.copy import become_copy
from tests import factories, installation
from tests.installation import MARK, UID

pytestmark = pytest.mark.django_db
OTHER = UUID("00000000-0000-4000-8000-00000000000f")
REAL = {
    "YANDEX_OAUTH_URL": "https://oauth.yandex.ru",
    "YANDEX_LOGIN_URL": "https://login.yandex.ru",
    "METRIKA_API_URL": "https://api-metrika.yandex.net",
}
Halt = Installation.Halt


def run(**options: Any) -> str:
    out = StringIO()
    call_command("adopt_installation", stdout=out, **options)
    return out.getvalue()


def row() -> Installation:
    return Installation.objects.get()


def facts() -> list[Any]:
    return [
        *Installation.objects.values(),
        *YandexAccount.objects.values(),
        *AuditEvent.objects.values(),
        *marks.read_all(),
    ]


@pytest.fixture
def no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail at the first look-up of a host name other than this machine's, where the broker is."""
    look_up = socket.getaddrinfo

    def refuse(host: str, *args: Any, **options: Any) -> Any:
        if host != "127.0.0.1":
            raise AssertionError(f"a socket to {host}")
        return look_up(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_socket")
@pytest.mark.parametrize("name", REAL)
def test_copy_opens_no_socket_to_a_real_host(
    name: str, account: YandexAccount, settings: Settings
) -> None:
    become_copy(now=timezone.now())
    setattr(settings, name, REAL[name])

    with pytest.raises(guard.SendingHalted):
        metrika_client(account).counters()
    with pytest.raises(guard.SendingHalted):
        oauth_client().refresh(refresh_token="token")


@pytest.mark.parametrize(
    ("url", "is_refused"),
    [
        ("https://API-METRIKA.yandex.net.", True),
        ("https://api-metrika.yandex.com:8443", True),
        ("https://api-metrika.yandex.com.tr", True),
        ("https://93.158.134.1", True),
        ("https://metrika-proxy.example", True),
        ("http://127.0.0.1:8001", False),
        ("http://sandbox:8001", False),
        ("http://yandex.localhost:8001", False),
    ],
)
def test_copy_reaches_private_hosts_only(settings: Settings, url: str, is_refused: bool) -> None:
    become_copy(now=timezone.now())
    settings.METRIKA_API_URL = url

    assert guard.may_request() is guard.may_send() is not is_refused


def test_copy_has_no_token_and_says_why(
    cabinet: Cabinet, account: YandexAccount, settings: Settings
) -> None:
    installation.remove_marks()
    gone = factories.make_account(
        cabinet=cabinet, state="disconnected", access_token="", refresh_token=""
    )
    assert guard.may_send() is False

    out = run(as_copy=True)

    assert "The tokens of 1 Yandex accounts will be erased" in out
    assert out.endswith("This database is a copy now; 1 accounts have no token.\n")
    account.refresh_from_db()
    assert (account.access_token, account.refresh_token) == ("", "")
    assert (account.state, account.state_reason) == ("reauth_required", "copy")
    gone.refresh_from_db()
    assert gone.state == "disconnected"
    assert row().uid != UID
    assert (row().kind, row().halt_reason) == ("copy", "")
    event = AuditEvent.objects.get(action="installation.copied")
    assert event.before == {"uid": str(UID), "kind": "production", "public_host": "localhost"}
    assert event.after["accounts"] == 1
    # The places may be those of the production.
    assert [one.mark for one in marks.read_all()] == [None, None]


def test_copy_stays_a_copy(settings: Settings) -> None:
    become_copy(now=timezone.now())
    before = facts()

    assert "nothing to do" in run(as_copy=True)
    for name, url in REAL.items():
        setattr(settings, name, url)
    with pytest.raises(CommandError, match="A copy stays a copy"):
        run()

    assert facts() == before
    assert become_copy(now=timezone.now()) == 0


def test_database_in_order_is_not_made_a_copy_by_mistake(account: YandexAccount) -> None:
    before = facts()

    with pytest.raises(CommandError, match="looks like the production itself"):
        run(as_copy=True)
    assert facts() == before

    run(as_copy=True, no_input=True)
    assert row().kind == "copy"


@pytest.mark.parametrize("as_copy", [True, False])
def test_dry_run_changes_nothing(account: YandexAccount, settings: Settings, as_copy: bool) -> None:
    settings.PUBLIC_URL = "https://new.example"
    before = facts()

    out = run(as_copy=as_copy, dry_run=True)

    assert "it belongs to localhost, PUBLIC_URL has new.example" in out
    assert facts() == before


def test_moved_cabinet_sends_again(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://new.example"
    assert guard.may_send() is False

    out = run()

    assert "The installation moves from localhost to new.example." in out
    assert guard.may_send() is True
    assert (row().uid, row().public_host, row().epoch) == (UID, "new.example", 1)
    assert row().look_after is not None
    assert {one.mark and one.mark.public_host for one in marks.read_all()} == {"new.example"}
    event = AuditEvent.objects.get(action="installation.moved")
    assert event.before == {"public_host": "localhost", "halt_reason": "foreign"}
    assert "nothing to do" in run()
    settings.PUBLIC_URL = "http://localhost"
    assert guard.state().kind is Kind.FOREIGN


def behind() -> None:
    FileMark.from_settings().advance(replace(MARK, epoch=5))


def behind_at_another_host(settings: Settings) -> None:
    behind()
    settings.PUBLIC_URL = "https://new.example"


def of_another(settings: Settings) -> None:
    FileMark.from_settings().replace(replace(MARK, uid=OTHER))


@pytest.mark.parametrize(
    "damage",
    [
        lambda settings: behind(),
        behind_at_another_host,
        of_another,
        lambda settings: installation.remove_marks(),
    ],
)
def test_anything_but_a_changed_host_needs_after_restore(
    damage: Callable[[Settings], None], settings: Settings
) -> None:
    damage(settings)
    before = facts()

    with pytest.raises(CommandError, match=r"Next: manage\.py after_restore"):
        run()

    assert facts() == before
