"""Conditions of accounts: to be reconnected, now or soon, and their requests nearly spent."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from integrations.limits import clock_skew
from integrations.limits.quota_reset import day_of
from integrations.limits.request_budget import UPLOAD_SHARE
from integrations.models import RequestDay, YandexAccount
from integrations.tokens.account_state import Reason
from notices.conditions.found import Found
from notices.kinds import Kind

#: The part of the day's requests from which on the quota is near.
NEAR = 0.8
#: Shorter pauses end before a person could do anything.
NOTABLE_PAUSE = timedelta(minutes=10)


def reconnects(now: datetime) -> Iterator[Found]:
    """Yield the accounts that need a person: already, or when their token expires."""
    lost = Q(state=YandexAccount.State.REAUTH_REQUIRED) | Q(state_reason=Reason.REFRESH_TOKEN_LOST)
    fields = ("pk", "cabinet_id", "login", "state", "state_reason", "expires_at")
    for one in YandexAccount.objects.linked().filter(lost).only(*fields):
        yield Found(
            one.cabinet_id,
            Kind.RECONNECT_SOON if one.is_usable else Kind.RECONNECT,
            f"account:{one.pk}",
            {
                "login": one.login,
                "reason": one.state_reason,
                "until": one.expires_at.isoformat() if one.expires_at else "",
            },
        )


def quotas(now: datetime) -> Iterator[Found]:
    """Yield the accounts whose requests of the day are nearly spent, or paused by Yandex."""
    spent = {day.yandex_uid: day for day in _spent_days(now)}
    accounts = YandexAccount.objects.usable().filter(yandex_uid__in=spent)
    for one in accounts.only("pk", "cabinet_id", "login", "yandex_uid"):
        day = spent[one.yandex_uid]
        facts: dict[str, Any] = {
            "login": one.login,
            "used": day.uploads + day.polls + day.other,
            "total": settings.METRIKA_DAILY_REQUESTS,
        }
        yield Found(one.cabinet_id, Kind.QUOTA, f"account:{one.pk}", facts)


def _spent_days(now: datetime) -> QuerySet[RequestDay]:
    """Return the rows of logins that are near the quota today, or paused for long."""
    today = day_of(now + clock_skew.ahead())
    near = settings.METRIKA_DAILY_REQUESTS * NEAR
    used = F("uploads") + F("polls") + F("other")
    is_near = Q(used__gte=near) | Q(uploads__gte=near * UPLOAD_SHARE)
    is_paused = Q(paused_until__gt=now + NOTABLE_PAUSE)
    # A pause may last past midnight.
    recent = RequestDay.objects.filter(day__gte=today - timedelta(days=1)).annotate(used=used)
    return recent.filter(is_paused | (is_near & Q(day=today))).order_by("day")
