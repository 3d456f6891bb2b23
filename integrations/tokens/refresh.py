"""Keeps tokens alive: refreshes ahead of expiry, recovers from a rejection, gives up in words.

Access and refresh token expire together, so a refresh after expiry cannot be relied on
(https://yandex.ru/dev/id/doc/en/tokens/refresh-client). A refresh is claimed in the row, made with
no transaction open, and recorded only while the claim still holds: a link made anew, or cut, in
between wins over it.
"""

from __future__ import annotations

import logging
from contextlib import closing
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.utils import timezone

from integrations.clients import oauth_client
from integrations.linking.revocation import OrphanToken, revoke_orphan_tokens
from integrations.models import YandexAccount
from integrations.tokens.account_state import Reason, State, move
from integrations.yandex.errors import (
    AccessDenied,
    AuthorisationRefused,
    TokenRejected,
    Unreachable,
    YandexError,
)
from integrations.yandex.records import Token

logger = logging.getLogger(__name__)

# Yandex recommends to renew long-lived tokens every three months.
REFRESH_AFTER = timedelta(days=90)
# A month of hourly tries before a token dies; of a short-lived token, its last third.
REFRESH_MARGIN = timedelta(days=30)
CLAIM_MARGIN = timedelta(seconds=60)
# A caller that does not say which token was rejected gets the benefit of the doubt for so long.
JUST_NOW = timedelta(seconds=60)
# A renewed token that was refused before it was ever taken: the next one would fare no better.
RENEWED_LATELY = timedelta(hours=1)
TOKEN_FIELDS = (
    "access_token",
    "refresh_token",
    "expires_at",
    "token_issued_at",
    "renewed_at",
    "scopes",
)


class Refreshed(StrEnum):
    """How a refresh ended."""

    RENEWED = "renewed"
    #: Another process is at it, or the account is not to be refreshed.
    NOT_OURS = "not_ours"
    TRY_LATER = "try_later"
    LOST = "lost"


def due(now: datetime) -> list[int]:
    """Return ids of the accounts whose token is old or near its end."""
    candidates = YandexAccount.objects.filter(state__in=YandexAccount.USABLE).filter(
        Q(token_issued_at__lte=now - REFRESH_AFTER) | Q(expires_at__lte=now + REFRESH_MARGIN)
    )
    return [account.pk for account in candidates.order_by("expires_at") if _is_due(account, now)]


def refresh(account_id: int, *, now: datetime) -> Refreshed:
    """Exchange the refresh token for a new pair, unless another process is at it."""
    account = _claim(account_id, now)
    if account is None:
        return Refreshed.NOT_OURS
    if not account.refresh_token:
        return _without_refresh_token(account, now)
    try:
        with closing(oauth_client()) as client:
            token = client.refresh(refresh_token=account.refresh_token)
    except YandexError as problem:
        return _record_failure(account, problem, now)
    outcome = _record_success(account, token, now)
    if outcome is Refreshed.NOT_OURS:
        revoke_orphan_tokens(OrphanToken(token.access_token, account.yandex_uid, account.device_id))
    return outcome


def recover(account_id: int, *, rejected_token: str = "") -> bool:
    """Answer a TokenRejected: one refresh, then the truth about the account.

    True: the row holds a token worth one more try. False: the account needs to be reconnected, and
    its row says so. Raises Unreachable when that cannot be told yet (Yandex is silent, or another
    process is refreshing): try later. ``rejected_token`` is the token that was refused; when the
    row already holds another one, Yandex is not asked.
    """
    now = timezone.now()
    account = YandexAccount.objects.get(pk=account_id)
    if not account.is_usable:
        return False
    if _is_replaced(account, rejected_token, now):
        return True
    if not account.refresh_token or _was_renewed_lately(account, now):
        return _give_up(account_id, Reason.TOKEN_REJECTED)
    if refresh(account_id, now=now) in {Refreshed.NOT_OURS, Refreshed.TRY_LATER}:
        raise Unreachable("the token cannot be refreshed right now", may_have_arrived=False)
    rejected = account.access_token
    account.refresh_from_db()
    if account.is_usable and (account.access_token != rejected or _is_alive(rejected)):
        return True
    return _give_up(account_id, Reason.TOKEN_REJECTED)


@transaction.atomic
def mark_reauth_required(account_id: int, reason: str, *, actor: User | None = None) -> None:
    """Move a usable account to «Требуется переподключение»; its deliveries wait from now on.

    ``actor`` is the person who decided so, None when Yandex's answer did.
    """
    account = YandexAccount.objects.select_for_update().get(pk=account_id)
    if account.is_usable:
        move(account, State.REAUTH_REQUIRED, reason, timezone.now(), actor=actor)


def _is_replaced(account: YandexAccount, rejected_token: str, now: datetime) -> bool:
    """Whether another process has refreshed since; so young a token was hardly the rejected one."""
    if rejected_token:
        return account.access_token != rejected_token
    return account.token_issued_at is not None and now - account.token_issued_at < JUST_NOW


def _was_renewed_lately(account: YandexAccount, now: datetime) -> bool:
    return account.renewed_at is not None and now - account.renewed_at < RENEWED_LATELY


def _is_alive(access_token: str) -> bool:
    """Ask for the profile: a refresh may answer with the former access token, dead or alive.

    Raises Unreachable when the answer tells neither.
    """
    try:
        with closing(oauth_client()) as client:
            client.profile(access_token=access_token)
    except (TokenRejected, AccessDenied):
        return False
    except YandexError as problem:
        logger.warning("Whether a token is alive cannot be told: %s", problem)
        raise Unreachable("the token cannot be tried right now", may_have_arrived=False) from None
    return True


def _give_up(account_id: int, reason: Reason) -> bool:
    mark_reauth_required(account_id, reason)
    return False


def _is_due(account: YandexAccount, now: datetime) -> bool:
    if account.expires_at is None or account.token_issued_at is None:
        return True
    lifetime = account.expires_at - account.token_issued_at
    margin = min(REFRESH_MARGIN, lifetime / 3)
    return now >= min(account.token_issued_at + REFRESH_AFTER, account.expires_at - margin)


def _claim(account_id: int, now: datetime) -> YandexAccount | None:
    """Take the account for one refresh: of two rivals, one update finds no row.

    A claim that ran out belonged to a process that died, perhaps after Yandex had answered it: the
    row says so before Yandex is asked again, in case the refresh token turns out to be dead.
    """
    seconds = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    claimed_until = now + timedelta(seconds=seconds) + CLAIM_MARGIN
    is_free = Q(refresh_claimed_until=None) | Q(refresh_claimed_until__lte=now)
    died = Q(refresh_claimed_until__isnull=False) & ~Q(state_reason=Reason.REFRESH_TOKEN_LOST)
    reason = Case(When(died, then=Value(str(Reason.ANSWER_LOST))), default=F("state_reason"))
    mine = YandexAccount.objects.filter(
        is_free, pk=account_id, state__in=YandexAccount.USABLE
    ).update(refresh_claimed_until=claimed_until, state_reason=reason)
    return YandexAccount.objects.get(pk=account_id) if mine else None


@transaction.atomic
def _record_success(claimed: YandexAccount, token: Token, now: datetime) -> Refreshed:
    account = _still_mine(claimed)
    if account is None:
        return Refreshed.NOT_OURS
    account.access_token = token.access_token
    account.refresh_token = token.refresh_token or claimed.refresh_token
    account.expires_at = now + timedelta(seconds=token.expires_in)
    account.token_issued_at = account.renewed_at = now
    if token.scopes is not None:
        account.scopes = list(token.scopes)
    account.refresh_claimed_until = None
    account.save(update_fields=[*TOKEN_FIELDS, "refresh_claimed_until"])
    move(account, State.ACTIVE, "", now)
    return Refreshed.RENEWED


@transaction.atomic
def _record_failure(claimed: YandexAccount, problem: YandexError, now: datetime) -> Refreshed:
    account = _still_mine(claimed)
    if account is None:
        return Refreshed.NOT_OURS
    account.refresh_claimed_until = None
    account.save(update_fields=["refresh_claimed_until"])
    if not isinstance(problem, AuthorisationRefused):
        logger.warning("The token of account %s was not refreshed: %s", account.pk, problem)
        move(account, State.REFRESH_FAILED, _transient_reason(account, problem), now)
        return Refreshed.TRY_LATER
    if problem.error != "invalid_grant":
        # Our application or our request is at fault, not this link: no link is touched.
        logger.error("Yandex refuses our application: %s", problem)
        return Refreshed.TRY_LATER
    _record_dead_refresh_token(account, now)
    return Refreshed.LOST


def _record_dead_refresh_token(account: YandexAccount, now: datetime) -> None:
    if account.state_reason != Reason.ANSWER_LOST:
        move(account, State.REAUTH_REQUIRED, Reason.INVALID_GRANT, now)
        return
    # Yandex took the former refresh token and we never heard the new one. The access token may
    # well live on: it is used until it is rejected or expires, and the customer is told by then.
    account.refresh_token = ""
    account.save(update_fields=["refresh_token"])
    move(account, State.REFRESH_FAILED, Reason.REFRESH_TOKEN_LOST, now)


@transaction.atomic
def _without_refresh_token(claimed: YandexAccount, now: datetime) -> Refreshed:
    account = _still_mine(claimed)
    if account is None:
        return Refreshed.NOT_OURS
    account.refresh_claimed_until = None
    account.save(update_fields=["refresh_claimed_until"])
    if account.expires_at is not None and account.expires_at > now:
        return Refreshed.TRY_LATER
    move(account, State.REAUTH_REQUIRED, Reason.EXPIRED, now)
    return Refreshed.LOST


def _still_mine(claimed: YandexAccount) -> YandexAccount | None:
    """Lock the row if nobody linked, cut or claimed it since; None when our answer is stale."""
    return (
        YandexAccount.objects.select_for_update()
        .filter(pk=claimed.pk, refresh_claimed_until=claimed.refresh_claimed_until)
        .first()
    )


def _transient_reason(account: YandexAccount, problem: YandexError) -> Reason:
    if problem.may_have_arrived or account.state_reason == Reason.ANSWER_LOST:
        return Reason.ANSWER_LOST
    return Reason.NOT_REFRESHED
