"""Probes once an hour whether Metrika accepts a token again that it rejected.

An account whose token was rejected waits for a person to reconnect it. After a fault at Yandex
every account of every cabinet would wait like that, although its token is valid. One request per
hour and account detects this: after a success the account is active again, its deliveries go on.
"""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.clients import metrika_client
from integrations.installation import guard
from integrations.limits import request_budget
from integrations.models import YandexAccount
from integrations.signals import account_reconnected
from integrations.tokens.account_state import Reason, State, set_state
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)

INTERVAL = timedelta(hours=1)


def due(now: datetime) -> list[int]:
    """Return ids of the accounts to probe, the one probed longest ago first."""
    return list(_candidates(now).order_by("probed_at").values_list("pk", flat=True))


def probe(account_id: int, *, now: datetime) -> bool:
    """Make one request with the rejected token; return whether the account is active again.

    Anything but a success changes nothing: it is probed again each hour until the token expires.
    """
    if not guard.may_request():
        return False
    account = _claim(account_id, now)
    if account is None or not _is_accepted(account):
        return False
    return _restore(account, now)


def _candidates(now: datetime) -> QuerySet[YandexAccount]:
    """Return the accounts whose token was rejected, and last probed, at least an hour ago.

    Accounts with other reasons are not probed: a refused refresh token was revoked, an expired
    token stays expired, and a decision of support is not undone.
    """
    return YandexAccount.objects.filter(
        Q(probed_at=None) | Q(probed_at__lte=now - INTERVAL),
        state=State.REAUTH_REQUIRED,
        state_reason=Reason.TOKEN_REJECTED,
        state_changed_at__lte=now - INTERVAL,
        expires_at__gt=now,
    ).exclude(access_token="")


def _claim(account_id: int, now: datetime) -> YandexAccount | None:
    """Claim the probe (compare-and-set on `probed_at`); None if another worker has it."""
    is_claimed = _candidates(now).filter(pk=account_id).update(probed_at=now)
    return YandexAccount.objects.get(pk=account_id) if is_claimed else None


def _is_accepted(account: YandexAccount) -> bool:
    try:
        with (
            request_budget.request(account.yandex_uid, request_budget.Kind.OTHER) as lease,
            closing(metrika_client(account, lease.before_request)) as client,
        ):
            client.counters()
    except (YandexError, request_budget.BudgetSpent) as error:
        logger.info("account %s stays as it is: %s", account.pk, error)
        return False
    return True


@transaction.atomic
def _restore(probed: YandexAccount, now: datetime) -> bool:
    """Make the account active, unless it was relinked, disconnected or changed meanwhile."""
    account = YandexAccount.objects.select_for_update().get(pk=probed.pk)
    rejected = (State.REAUTH_REQUIRED, Reason.TOKEN_REJECTED)
    is_same = account.access_token == probed.access_token
    if not is_same or (account.state, account.state_reason) != rejected:
        return False
    set_state(account, State.ACTIVE, "", now, action="account.restored")
    account_reconnected.send(sender=YandexAccount, account=account)
    return True
