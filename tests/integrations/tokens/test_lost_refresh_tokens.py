"""Refresh tokens refused or lost. S-numbers as in linking/test_start.py; T-9: a lost answer."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from cabinets.models import AuditEvent, Cabinet
from integrations.models import YandexAccount
from integrations.tokens import refresh
from integrations.tokens.account_state import Reason
from integrations.tokens.refresh import RefreshOutcome
from tests.integrations.tokens.accounts import pair, state
from tests.integrations.yandex_id import YandexId


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
