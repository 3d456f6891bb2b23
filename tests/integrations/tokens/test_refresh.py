"""Refreshing tokens. S-numbers as in linking/test_start.py; T-9 is a lost answer to a refresh."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from cabinets.models import AuditEvent, Cabinet
from integrations.linking import flow
from integrations.models import YandexAccount
from integrations.tasks import refresh_account, refresh_tokens
from integrations.tokens import refresh
from integrations.tokens.account_state import Reason
from integrations.tokens.refresh import RefreshOutcome
from integrations.yandex.errors import Unreachable
from tests import factories
from tests.integrations.yandex_id import YEAR, YandexId, token_answer

NEW_ACCESS = "y0_NewAccessToken000000000000000000000000000000000000001"
NEW_REFRESH = "1:new:refresh:token"


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def old(cabinet: Cabinet, now: datetime) -> YandexAccount:
    """An account whose token is due for a refresh."""
    issued = now - timedelta(days=100)
    return factories.make_account(
        cabinet=cabinet, token_issued_at=issued, expires_at=issued + timedelta(seconds=YEAR)
    )


def state(account: YandexAccount) -> tuple[str, str]:
    account.refresh_from_db()
    return account.state, account.state_reason


def pair(account: YandexAccount) -> tuple[str, str]:
    account.refresh_from_db()
    return account.access_token, account.refresh_token


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


def test_refused_refresh_token_requires_a_reconnect(
    old: YandexAccount, cabinet: Cabinet, now: datetime, yandex_id: YandexId
) -> None:
    """S-46"""
    token = old.refresh_token
    yandex_id.refuses("invalid_grant")

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.LOST

    assert state(old) == ("reauth_required", "invalid_grant")
    assert old.state_changed_at == now
    event = AuditEvent.objects.get()
    assert (event.action, event.actor, event.cabinet) == ("account.reauth_required", None, cabinet)
    assert event.after["yandex_uid"] == old.yandex_uid
    assert token not in str(event.before) + str(event.after)


def test_lost_answer_leaves_the_access_token_in_use(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    """T-9: Yandex renewed, its answer was lost, and the former refresh token is refused."""
    access = old.access_token
    yandex_id.is_down()
    refresh.refresh(old.pk, now=now)
    yandex_id.refuses("invalid_grant")

    refresh.refresh(old.pk, now=now)

    assert state(old) == ("refresh_failed", "refresh_token_lost")
    assert pair(old) == (access, "")
    assert old.is_usable
    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.TRY_LATER
    assert len(yandex_id.forms("/token")) == 2


@pytest.mark.parametrize("before", ["active", "refresh_failed"])
def test_lost_refresh_token_is_in_the_audit_trail(
    old: YandexAccount, now: datetime, yandex_id: YandexId, before: str
) -> None:
    """S-46: also where the state stays, because later a person has to reconnect."""
    YandexAccount.objects.update(state=before, refresh_claimed_until=now - timedelta(seconds=1))
    yandex_id.refuses("invalid_grant")

    refresh.refresh(old.pk, now=now)

    event = AuditEvent.objects.get()
    assert (event.action, event.object_id) == ("account.refresh_failed", str(old.pk))
    assert (event.after["state"], event.after["reason"]) == ("refresh_failed", "refresh_token_lost")
    assert event.after["yandex_uid"] == old.yandex_uid


def test_process_killed_after_yandex_renewed_leaves_the_access_token_in_use(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    """S-37, T-9: the new pair is lost with its process; the expired claim shows the request."""
    access = old.access_token
    YandexAccount.objects.update(refresh_claimed_until=now - timedelta(seconds=1))
    yandex_id.refuses("invalid_grant")

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.LOST

    assert state(old) == ("refresh_failed", "refresh_token_lost")
    assert pair(old) == (access, "")
    assert old.is_usable


def test_process_killed_on_an_account_without_refresh_token_loses_nothing_more(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    YandexAccount.objects.update(
        refresh_token="",
        state="refresh_failed",
        state_reason=Reason.REFRESH_TOKEN_LOST,
        refresh_claimed_until=now - timedelta(seconds=1),
    )

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.TRY_LATER

    assert state(old) == ("refresh_failed", "refresh_token_lost")
    assert len(yandex_id.calls) == 0


def test_account_without_refresh_token_requires_a_reconnect_at_expiry(
    old: YandexAccount, now: datetime, yandex_id: YandexId
) -> None:
    YandexAccount.objects.update(refresh_token="", expires_at=now)

    assert refresh.refresh(old.pk, now=now) is RefreshOutcome.LOST

    assert state(old) == ("reauth_required", "expired")
    assert len(yandex_id.calls) == 0


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


def test_rejected_token_is_refreshed_once(old: YandexAccount, yandex_id: YandexId) -> None:
    yandex_id.grants(NEW_ACCESS, NEW_REFRESH)

    assert refresh.recover(old.pk) is True

    assert pair(old) == (NEW_ACCESS, NEW_REFRESH)
    assert state(old) == ("active", "")


def test_token_replaced_since_its_rejection_is_used_without_a_request(
    old: YandexAccount, yandex_id: YandexId
) -> None:
    assert refresh.recover(old.pk, rejected_token="y0_former") is True

    assert len(yandex_id.calls) == 0


def test_token_younger_than_a_minute_is_used_without_a_request(
    account: YandexAccount, yandex_id: YandexId
) -> None:
    assert refresh.recover(account.pk) is True

    assert len(yandex_id.calls) == 0


@pytest.mark.parametrize(
    ("stage", "reason"),
    [("refused", "invalid_grant"), ("same_and_invalid", "token_rejected")],
)
def test_token_that_cannot_be_renewed_requires_a_reconnect(
    old: YandexAccount, yandex_id: YandexId, stage: str, reason: str
) -> None:
    if stage == "refused":
        yandex_id.refuses("invalid_grant")
    else:
        yandex_id.grants(old.access_token, NEW_REFRESH)
        yandex_id.rejects_token()

    assert refresh.recover(old.pk) is False

    assert state(old) == ("reauth_required", reason)
    assert refresh.recover(old.pk) is False
    assert len(yandex_id.forms("/token")) == 1


def test_same_token_is_used_again_when_it_is_still_valid(
    old: YandexAccount, yandex_id: YandexId
) -> None:
    yandex_id.grants(old.access_token, NEW_REFRESH)
    yandex_id.knows()

    assert refresh.recover(old.pk) is True
    assert state(old) == ("active", "")


def test_rejected_token_without_refresh_token_requires_a_reconnect(
    old: YandexAccount, yandex_id: YandexId
) -> None:
    YandexAccount.objects.update(refresh_token="", state="refresh_failed")

    assert refresh.recover(old.pk) is False

    assert state(old) == ("reauth_required", "token_rejected")
    assert len(yandex_id.calls) == 0


@pytest.mark.parametrize("stage", ["outage", "concurrent", "application"])
def test_recovery_without_an_outcome_raises_unreachable(
    old: YandexAccount, now: datetime, yandex_id: YandexId, stage: str
) -> None:
    if stage == "outage":
        yandex_id.is_down()
    elif stage == "application":
        yandex_id.refuses("invalid_client")
    else:
        YandexAccount.objects.update(refresh_claimed_until=now + timedelta(minutes=1))

    with pytest.raises(Unreachable) as caught:
        refresh.recover(old.pk)

    assert not caught.value.may_have_arrived
    old.refresh_from_db()
    assert old.is_usable


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 429, "json": {"error": "too_many_requests"}},
        {"status": 200, "body": "<html>Captcha</html>"},
        {"status": 404, "body": ""},
        {"status": 502, "body": ""},
    ],
)
def test_unclear_profile_answer_raises_unreachable(
    old: YandexAccount, yandex_id: YandexId, answer: dict[str, Any]
) -> None:
    yandex_id.grants(old.access_token, NEW_REFRESH)
    yandex_id.replaces("GET", "/info", **answer)

    with pytest.raises(Unreachable) as caught:
        refresh.recover(old.pk)

    assert not caught.value.may_have_arrived
    assert state(old) == ("active", "")
    assert pair(old) == (old.access_token, NEW_REFRESH)


def test_marking_twice_writes_one_audit_event(account: YandexAccount) -> None:
    refresh.mark_reauth_required(account.pk, Reason.TOKEN_REJECTED)
    first: Any = YandexAccount.objects.values().get()

    refresh.mark_reauth_required(account.pk, Reason.INVALID_GRANT)

    assert YandexAccount.objects.values().get() == first
    assert AuditEvent.objects.count() == 1
