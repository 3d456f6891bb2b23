"""Refreshing tokens. S-numbers as in linking/test_start.py; T-9 is a lost answer to a refresh."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User

from cabinets.models import AuditEvent, Cabinet
from integrations.linking import flow
from integrations.models import YandexAccount
from integrations.tasks import refresh_account, refresh_tokens
from integrations.tokens import refresh
from integrations.tokens.account_state import Reason
from integrations.tokens.refresh import RefreshOutcome
from tests import factories
from tests.integrations.tokens.accounts import NEW_ACCESS, NEW_REFRESH, pair, state
from tests.integrations.yandex_id import YEAR, YandexId, token_answer


@pytest.mark.parametrize(
    ("age_days", "lifetime_days", "is_due"),
    [
        (89, 365, False),
        (90, 365, True),
        (14, 45, False),  # 31 days are left
        (31, 45, True),  # 14 are left: less than a third
        (1, 10, False),
        (7, 10, True),
        (400, 365, True),
    ],
)
def test_token_is_due_when_old_or_about_to_expire(
    cabinet: Cabinet, now: datetime, age_days: int, lifetime_days: int, is_due: bool
) -> None:
    issued = now - timedelta(days=age_days)
    account = factories.make_account(
        cabinet=cabinet,
        token_issued_at=issued,
        expires_at=issued + timedelta(days=lifetime_days),
    )

    assert refresh.due(now) == ([account.pk] if is_due else [])


@pytest.mark.parametrize("unusable", ["reauth_required", "disconnected"])
def test_unusable_account_is_not_due(old: YandexAccount, now: datetime, unusable: str) -> None:
    YandexAccount.objects.update(state=unusable, access_token="", refresh_token="")

    assert refresh.due(now) == []
    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.SKIPPED


def test_new_pair_replaces_the_old_one(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    """S-37"""
    former = old.refresh_token
    yandex_id.grants(NEW_ACCESS, NEW_REFRESH)

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.RENEWED

    assert pair(old) == (NEW_ACCESS, NEW_REFRESH)
    assert old.expires_at == now + timedelta(seconds=YEAR)
    assert old.token_issued_at == now
    assert old.refresh_claimed_until is None
    assert [form["refresh_token"] for form in yandex_id.forms("/token")] == [former]
    assert refresh.due(now) == []


def test_concurrent_refreshes_send_one_request(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    """S-38: the second refresh starts while Yandex is answering the first."""
    second: list[RefreshOutcome] = []
    yandex_id.meanwhile(
        "/token",
        lambda: second.append(refresh.refresh(old.pk, now=now)),
        **token_answer(NEW_ACCESS, NEW_REFRESH),
    )

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.RENEWED

    assert second == [RefreshOutcome.SKIPPED]
    assert len(yandex_id.forms("/token")) == 1
    assert pair(old) == (NEW_ACCESS, NEW_REFRESH)


def test_claim_of_a_dead_process_expires(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    YandexAccount.objects.update(refresh_claimed_until=now)
    yandex_id.grants(NEW_ACCESS, NEW_REFRESH)

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.RENEWED


def test_disconnect_during_a_refresh_wins(
    old: YandexAccount, owner: User, now: datetime, yandex_id: YandexId
) -> None:
    yandex_id.revokes()
    yandex_id.meanwhile(
        "/token",
        lambda: flow.disconnect(old, user=owner, now=now),
        **token_answer(NEW_ACCESS, NEW_REFRESH),
    )

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.SKIPPED

    assert pair(old) == ("", "")
    assert old.state == "disconnected"


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        ("unreachable", Reason.NOT_REFRESHED),
        ("bad_gateway", Reason.ANSWER_LOST),
    ],
)
def test_outage_keeps_the_tokens_and_sets_the_reason(
    old: YandexAccount, now: datetime, yandex_id: YandexId, stage: str, reason: Reason
) -> None:
    before = pair(old)
    if stage == "unreachable":
        yandex_id.cannot_be_reached("/token")
    else:
        yandex_id.is_down()

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.TRY_LATER

    assert state(old) == ("refresh_failed", reason)
    assert pair(old) == before
    assert old.is_usable
    assert refresh.due(now) == [old.pk]
    assert [event.action for event in AuditEvent.objects.all()] == ["account.refresh_failed"]


def test_success_after_an_outage_makes_the_account_active(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    yandex_id.is_down()
    refresh.refresh(old.pk, now=now)
    yandex_id.grants(NEW_ACCESS, NEW_REFRESH)

    refresh.refresh(old.pk, now=now)

    assert state(old) == ("active", "")
    assert pair(old) == (NEW_ACCESS, NEW_REFRESH)


def test_second_outage_writes_no_second_audit_event(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    yandex_id.is_down()

    refresh.refresh(old.pk, now=now)
    refresh.refresh(old.pk, now=now)

    assert AuditEvent.objects.count() == 1


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request"])
def test_refused_application_leaves_the_account_and_logs_an_error(
    old: YandexAccount,
    now: datetime,
    yandex_id: YandexId,
    caplog: pytest.LogCaptureFixture,
    error: str,
) -> None:
    before = (*state(old), *pair(old))
    yandex_id.refuses(error)

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.TRY_LATER

    assert (*state(old), *pair(old)) == before
    assert not AuditEvent.objects.exists()
    (logged,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert error in logged.getMessage()


def test_scopes_granted_by_a_refresh_are_stored(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    yandex_id.grants(NEW_ACCESS, NEW_REFRESH, scope="metrika:read")

    refresh.refresh(old.pk, now=now)

    old.refresh_from_db()
    assert old.scopes == ["metrika:read"]


def test_beat_task_starts_a_task_per_due_account(
    old: YandexAccount, account: YandexAccount, yandex_id: YandexId
) -> None:
    assert refresh_tokens() == 1

    assert len(yandex_id.calls) == 0


def test_task_refreshes_one_account(old: YandexAccount, yandex_id: YandexId) -> None:
    yandex_id.grants(NEW_ACCESS, NEW_REFRESH)

    assert refresh_account(old.pk) == "renewed"
    assert pair(old) == (NEW_ACCESS, NEW_REFRESH)
