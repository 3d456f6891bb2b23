"""Recovering from a rejected token: one refresh, or a reconnect."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cabinets.models import AuditEvent
from integrations.models import YandexAccount
from integrations.tokens import refresh
from integrations.tokens.account_state import Reason
from integrations.yandex.errors import Unreachable
from tests.integrations.tokens.accounts import NEW_ACCESS, NEW_REFRESH, pair, state
from tests.integrations.yandex_id import YandexId


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
