"""Tries, once an hour, whether Metrika takes a token again that it refused.

An account whose token was refused waits for a person. When the fault was Yandex's own, every
account of every cabinet would wait so, and nothing would be wrong with any of them. One question
an hour finds out: a yes puts the account back to work, and what waited for it goes out.
"""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet

from integrations.clients import metrika_client
from integrations.limits import request_budget
from integrations.models import YandexAccount
from integrations.signals import account_reconnected
from integrations.tokens.account_state import Reason, State, move
from integrations.yandex.errors import YandexError

logger = logging.getLogger(__name__)

EVERY = timedelta(hours=1)


def due(now: datetime) -> list[int]:
    """Return ids of the accounts to try, the longest untried first."""
    return list(_to_try(now).order_by("probed_at").values_list("pk", flat=True))


def probe(account_id: int, *, now: datetime) -> bool:
    """Ask Metrika once with the refused token; return whether the account is back at work.

    Any answer but a success changes nothing: the next hour asks again, until the token expires.
    """
    account = _claim(account_id, now)
    if account is None or not _is_taken(account):
        return False
    return _restore(account, now)


def _to_try(now: datetime) -> QuerySet[YandexAccount]:
    """Return the accounts given up over a refused token and left in peace for an hour.

    Other reasons are no accident: a dead refresh token was revoked, an expired token stays
    expired, and what support decided is not ours to undo.
    """
    return YandexAccount.objects.filter(
        Q(probed_at=None) | Q(probed_at__lte=now - EVERY),
        state=State.REAUTH_REQUIRED,
        state_reason=Reason.TOKEN_REJECTED,
        state_changed_at__lte=now - EVERY,
        expires_at__gt=now,
    ).exclude(access_token="")


def _claim(account_id: int, now: datetime) -> YandexAccount | None:
    """Move the mark before asking; of two rivals one update finds no row."""
    mine = _to_try(now).filter(pk=account_id).update(probed_at=now)
    return YandexAccount.objects.get(pk=account_id) if mine else None


def _is_taken(account: YandexAccount) -> bool:
    try:
        with (
            request_budget.request(account.yandex_uid, request_budget.Kind.OTHER) as lease,
            closing(metrika_client(account, lease.before_request)) as client,
        ):
            client.counters()
    except (YandexError, request_budget.BudgetSpent) as refusal:
        logger.info("account %s stays as it is: %s", account.pk, refusal)
        return False
    return True


@transaction.atomic
def _restore(probed: YandexAccount, now: datetime) -> bool:
    """Put the account back to work, unless it was linked, cut or moved while we asked."""
    account = YandexAccount.objects.select_for_update().get(pk=probed.pk)
    given_up = (State.REAUTH_REQUIRED, Reason.TOKEN_REJECTED)
    is_same = account.access_token == probed.access_token
    if not is_same or (account.state, account.state_reason) != given_up:
        return False
    move(account, State.ACTIVE, "", now, action="account.restored")
    account_reconnected.send(sender=YandexAccount, account=account)
    return True
