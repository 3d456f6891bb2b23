"""Which accounts with a rejected token are probed, and what an answer may change."""

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
    """The owner of the sandbox's counters, whose token it accepts."""
    person = Actor(sandbox)
    person.link()
    yield person
    person.browser.close()


@pytest.fixture
def rejected(cabinet: Cabinet, now: datetime) -> YandexAccount:
    """An account whose token Metrika rejected an hour ago."""
    return factories.make_account(
        cabinet=cabinet,
        yandex_uid="1100000001",
        state="reauth_required",
        state_reason="token_rejected",
        state_changed_at=now - HOUR,
        expires_at=now + timedelta(days=300),
    )


@pytest.fixture
def signalled() -> Iterator[list[int]]:
    """Ids of the accounts for which account_reconnected was sent."""
    ids: list[int] = []

    def receive(account: YandexAccount, **_details: Any) -> None:
        ids.append(account.pk)

    account_reconnected.connect(receive)
    yield ids
    account_reconnected.disconnect(receive)


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
def test_only_an_account_with_a_rejected_token_is_probed(
    rejected: YandexAccount, now: datetime, changes: dict[str, str]
) -> None:
    YandexAccount.objects.update(**changes)

    assert probe.due(now) == []
    assert probe.probe(rejected.pk, now=now) is False
    assert not RequestDay.objects.exists()


@pytest.mark.parametrize(
    ("rejected_ago", "probed_ago", "valid_for", "is_due"),
    [
        (HOUR, None, HOUR, True),
        (HOUR - timedelta(seconds=1), None, HOUR, False),
        (3 * HOUR, HOUR, HOUR, True),
        (3 * HOUR, HOUR - timedelta(seconds=1), HOUR, False),
        # rejected again since the last probe: the hour begins again
        (timedelta(minutes=5), 2 * HOUR, HOUR, False),
        (HOUR, None, timedelta(0), False),
    ],
)
def test_token_is_probed_an_hour_after_rejection_or_probe_until_it_expires(
    rejected: YandexAccount,
    now: datetime,
    rejected_ago: timedelta,
    probed_ago: timedelta | None,
    valid_for: timedelta,
    is_due: bool,
) -> None:
    YandexAccount.objects.update(
        state_changed_at=now - rejected_ago,
        probed_at=None if probed_ago is None else now - probed_ago,
        expires_at=now + valid_for,
    )

    assert probe.due(now) == ([rejected.pk] if is_due else [])


def test_accepted_token_makes_the_account_active_again(
    rejected: YandexAccount, now: datetime, metrika: Actor, signalled: list[int]
) -> None:
    rejected.access_token = metrika.token
    rejected.save(update_fields=["access_token"])

    assert probe_account(rejected.pk) is True

    rejected.refresh_from_db()
    assert (rejected.state, rejected.state_reason) == ("active", "")
    event = AuditEvent.objects.get()
    assert (event.action, event.actor) == ("account.restored", None)
    assert signalled == [rejected.pk]
    assert probe_account(rejected.pk) is False


def test_second_probe_within_the_hour_makes_no_request(
    rejected: YandexAccount, now: datetime, sandbox: RunningSandbox
) -> None:
    assert probe.probe(rejected.pk, now=now) is False  # the sandbox knows no such token
    assert probe.probe(rejected.pk, now=now) is False

    assert RequestDay.objects.get().other == 1
    rejected.refresh_from_db()
    assert (rejected.state, rejected.probed_at) == ("reauth_required", now)
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "disconnected", "access_token": "", "refresh_token": ""},
        {"state_reason": "support"},
    ],
)
def test_account_changed_during_the_probe_keeps_the_change(
    rejected: YandexAccount,
    now: datetime,
    metrika: Actor,
    signalled: list[int],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
) -> None:
    rejected.access_token = metrika.token
    rejected.save(update_fields=["access_token"])
    is_accepted = probe._is_accepted

    def change_meanwhile(account: YandexAccount) -> bool:
        result = is_accepted(account)
        YandexAccount.objects.filter(pk=account.pk).update(**changes)
        return result

    monkeypatch.setattr(probe, "_is_accepted", change_meanwhile)

    assert probe.probe(rejected.pk, now=now) is False

    rejected.refresh_from_db()
    assert {name: getattr(rejected, name) for name in changes} == changes
    assert signalled == []
    assert not AuditEvent.objects.exists()
