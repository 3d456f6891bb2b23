"""Which refused accounts are tried again, and what an answer may change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import AuditEvent, Cabinet
from devtools.sandbox import RunningSandbox, start_sandbox
from integrations.models import RequestDay, YandexAccount
from integrations.signals import account_reconnected
from integrations.tasks import probe_account
from integrations.tokens import probe
from tests import factories
from tests.devtools.sandbox.actor import Actor

HOUR = timedelta(hours=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def sandbox(settings: Settings) -> Iterator[RunningSandbox]:
    running = start_sandbox()
    settings.METRIKA_API_URL = running.url
    yield running
    running.close()


@pytest.fixture
def metrika(sandbox: RunningSandbox) -> Iterator[Actor]:
    """The owner of the sandbox's counters, whose token it takes."""
    person = Actor(sandbox)
    person.link()
    yield person
    person.browser.close()


@pytest.fixture
def refused(cabinet: Cabinet, now: datetime) -> YandexAccount:
    """An account given up an hour ago because Metrika refused its token."""
    return factories.make_account(
        cabinet=cabinet,
        yandex_uid="1100000001",
        state="reauth_required",
        state_reason="token_rejected",
        state_changed_at=now - HOUR,
        expires_at=now + timedelta(days=300),
    )


@pytest.fixture
def heard() -> Iterator[list[int]]:
    """Ids of the accounts that were announced as usable again."""
    announced: list[int] = []

    def record_server_time(account: YandexAccount, **_details: Any) -> None:
        announced.append(account.pk)

    account_reconnected.connect(record_server_time)
    yield announced
    account_reconnected.disconnect(record_server_time)


@pytest.mark.parametrize(
    "changes",
    [
        {"state_reason": "invalid_grant"},
        {"state_reason": "expired"},
        {"state_reason": "support"},
        {"state": "active", "state_reason": ""},
        {"state": "disconnected", "access_token": "", "refresh_token": ""},
        {"access_token": ""},
    ],
)
def test_only_a_refused_token_is_tried(
    refused: YandexAccount, now: datetime, changes: dict[str, str]
) -> None:
    YandexAccount.objects.update(**changes)

    assert probe.due(now) == []
    assert probe.probe(refused.pk, now=now) is False
    assert not RequestDay.objects.exists()


@pytest.mark.parametrize(
    ("given_up", "probed", "left", "is_due"),
    [
        (HOUR, None, HOUR, True),
        (HOUR - timedelta(seconds=1), None, HOUR, False),
        (3 * HOUR, HOUR, HOUR, True),
        (3 * HOUR, HOUR - timedelta(seconds=1), HOUR, False),
        # given up anew since the last try: the hour begins again
        (timedelta(minutes=5), 2 * HOUR, HOUR, False),
        (HOUR, None, timedelta(0), False),
    ],
)
def test_token_is_tried_an_hour_after_the_last_word_until_it_expires(
    refused: YandexAccount,
    now: datetime,
    given_up: timedelta,
    probed: timedelta | None,
    left: timedelta,
    is_due: bool,
) -> None:
    YandexAccount.objects.update(
        state_changed_at=now - given_up,
        probed_at=None if probed is None else now - probed,
        expires_at=now + left,
    )

    assert probe.due(now) == ([refused.pk] if is_due else [])


def test_token_that_metrika_takes_puts_the_account_back_to_work(
    refused: YandexAccount, now: datetime, metrika: Actor, heard: list[int]
) -> None:
    refused.access_token = metrika.token
    refused.save(update_fields=["access_token"])

    assert probe_account(refused.pk) is True

    refused.refresh_from_db()
    assert (refused.state, refused.state_reason) == ("active", "")
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("account.restored", None)
    assert heard == [refused.pk]
    assert probe_account(refused.pk) is False


def test_second_try_within_the_hour_is_not_made(
    refused: YandexAccount, now: datetime, sandbox: RunningSandbox
) -> None:
    assert probe.probe(refused.pk, now=now) is False  # the sandbox knows no such token
    assert probe.probe(refused.pk, now=now) is False

    assert RequestDay.objects.get().other == 1
    refused.refresh_from_db()
    assert (refused.state, refused.probed_at) == ("reauth_required", now)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "disconnected", "access_token": "", "refresh_token": ""},
        {"state_reason": "support"},
    ],
)
def test_account_that_was_moved_while_metrika_was_asked_stays_as_it_was_moved(
    refused: YandexAccount,
    now: datetime,
    metrika: Actor,
    heard: list[int],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
) -> None:
    refused.access_token = metrika.token
    refused.save(update_fields=["access_token"])
    ask = probe._is_taken

    def ask_slowly(account: YandexAccount) -> bool:
        is_taken = ask(account)
        YandexAccount.objects.filter(pk=account.pk).update(**changes)
        return is_taken

    monkeypatch.setattr(probe, "_is_taken", ask_slowly)

    assert probe.probe(refused.pk, now=now) is False

    refused.refresh_from_db()
    assert {name: getattr(refused, name) for name in changes} == changes
    assert heard == []
    assert not AuditEvent.objects.exists()
