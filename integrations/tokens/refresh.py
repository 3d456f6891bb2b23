"""Refreshes tokens ahead of expiry, and recovers from a rejected token or asks for a reconnect.

Access and refresh token expire together, so a refresh after expiry cannot be relied on
(https://yandex.ru/dev/id/doc/en/tokens/refresh-client). A refresh is claimed in the row, made with
no transaction open, and recorded only while the claim still holds: a relink or disconnect in
between wins.
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
from integrations.installation import guard
from integrations.linking.revocation import OrphanToken, revoke_orphan_token
from integrations.models import YandexAccount
from integrations.tokens.account_state import Reason, State, set_state
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
# A month of hourly attempts before a token expires; for a short-lived token its last third.
REFRESH_MARGIN = timedelta(days=30)
CLAIM_MARGIN = timedelta(seconds=60)
# Unless the caller says which token was rejected, a younger token counts as not rejected.
MIN_TOKEN_AGE = timedelta(seconds=60)
# A renewed token that was rejected before it was ever accepted is not renewed again so soon.
RENEWAL_INTERVAL = timedelta(hours=1)
TOKEN_FIELDS = (
    "access_token",
    "refresh_token",
    "expires_at",
    "token_issued_at",
    "renewed_at",
    "scopes",
)


class RefreshOutcome(StrEnum):
    """How a refresh ended."""

    RENEWED = "renewed"
    #: Another process refreshes it, or the account is not usable.
    SKIPPED = "skipped"
    TRY_LATER = "try_later"
    #: The refresh token is gone: sooner or later a person has to reconnect the account.
    LOST = "lost"


def due(now: datetime) -> list[int]:
    """Return ids of the accounts whose token is old or expires soon."""
    candidates = YandexAccount.objects.usable().filter(
        Q(token_issued_at__lte=now - REFRESH_AFTER) | Q(expires_at__lte=now + REFRESH_MARGIN)
    )
    return [account.pk for account in candidates.order_by("expires_at") if _is_due(account, now)]


def refresh(account_id: int, *, now: datetime) -> RefreshOutcome:
    """Exchange the refresh token for a new pair, unless another process does.

    A database of another installation renews nothing: it would take the tokens from that one.
    """
    if not guard.may_request():
        return RefreshOutcome.SKIPPED
    account = _claim(account_id, now)
    if account is None:
        return RefreshOutcome.SKIPPED
    if not account.refresh_token:
        return _record_no_refresh_token(account, now)
    try:
        with closing(oauth_client()) as client:
            token = client.refresh(refresh_token=account.refresh_token)
    except YandexError as error:
        return _record_failure(account, error, now)
    outcome = _record_success(account, token, now)
    if outcome is RefreshOutcome.SKIPPED:
        revoke_orphan_token(OrphanToken(token.access_token, account.yandex_uid, account.device_id))
    return outcome


def recover(account_id: int, *, rejected_token: str = "") -> bool:
    """React to a TokenRejected with one refresh; return whether to repeat the request.

    True: the row has a token worth one more attempt. False: the account has to be reconnected, and
    its state says so. Raises Unreachable when neither is known yet (Yandex does not answer, or
    another process is refreshing): try later. ``rejected_token`` is the token that was rejected;
    when the row already has another one, no request is made.
    """
    now = timezone.now()
    account = YandexAccount.objects.get(pk=account_id)
    if not account.is_usable:
        return False
    if _is_replaced(account, rejected_token, now):
        return True
    if not account.refresh_token or _was_just_renewed(account, now):
        return _require_reauth(account_id, Reason.TOKEN_REJECTED)
    if refresh(account_id, now=now) in {RefreshOutcome.SKIPPED, RefreshOutcome.TRY_LATER}:
        raise Unreachable("the token cannot be refreshed right now", may_have_arrived=False)
    rejected = account.access_token
    account.refresh_from_db()
    if account.is_usable and (account.access_token != rejected or _is_valid(rejected)):
        return True
    return _require_reauth(account_id, Reason.TOKEN_REJECTED)


@transaction.atomic
def mark_reauth_required(account_id: int, reason: str, *, actor: User | None = None) -> None:
    """Move a usable account to «Требуется переподключение»; its deliveries wait from now on.

    ``actor`` is the person who decided it, None after an answer of Yandex.
    """
    account = YandexAccount.objects.select_for_update().get(pk=account_id)
    if account.is_usable:
        set_state(account, State.REAUTH_REQUIRED, reason, timezone.now(), actor=actor)


def _is_replaced(account: YandexAccount, rejected_token: str, now: datetime) -> bool:
    """Whether the account has another token by now; without ``rejected_token``, a fresh one."""
    if rejected_token:
        return account.access_token != rejected_token
    return account.token_issued_at is not None and now - account.token_issued_at < MIN_TOKEN_AGE


def _was_just_renewed(account: YandexAccount, now: datetime) -> bool:
    return account.renewed_at is not None and now - account.renewed_at < RENEWAL_INTERVAL


def _is_valid(access_token: str) -> bool:
    """Read the profile with the token: a refresh may return the former one, valid or not.

    Raises Unreachable when the answer leaves it open.
    """
    try:
        with closing(oauth_client()) as client:
            client.profile(access_token=access_token)
    except (TokenRejected, AccessDenied):
        return False
    except YandexError as error:
        logger.warning("Whether a token is valid is not known: %s", error)
        raise Unreachable("the token cannot be checked right now", may_have_arrived=False) from None
    return True


def _require_reauth(account_id: int, reason: Reason) -> bool:
    mark_reauth_required(account_id, reason)
    return False


def _is_due(account: YandexAccount, now: datetime) -> bool:
    if account.expires_at is None or account.token_issued_at is None:
        return True
    lifetime = account.expires_at - account.token_issued_at
    margin = min(REFRESH_MARGIN, lifetime / 3)
    return now >= min(account.token_issued_at + REFRESH_AFTER, account.expires_at - margin)


def _claim(account_id: int, now: datetime) -> YandexAccount | None:
    """Claim the refresh of this account (compare-and-set); None if another process has it.

    An expired claim belonged to a process that died, perhaps after Yandex had answered it. The
    reason is set to ANSWER_LOST before the next request, in case the refresh token is refused.
    """
    seconds = settings.CONNECT_TIMEOUT_SECONDS + settings.READ_TIMEOUT_SECONDS
    claimed_until = now + timedelta(seconds=seconds) + CLAIM_MARGIN
    is_free = Q(refresh_claimed_until=None) | Q(refresh_claimed_until__lte=now)
    is_expired = Q(refresh_claimed_until__isnull=False) & ~Q(state_reason=Reason.REFRESH_TOKEN_LOST)
    reason = Case(When(is_expired, then=Value(str(Reason.ANSWER_LOST))), default=F("state_reason"))
    free = YandexAccount.objects.usable().filter(is_free, pk=account_id)
    is_claimed = free.update(refresh_claimed_until=claimed_until, state_reason=reason)
    return YandexAccount.objects.get(pk=account_id) if is_claimed else None


@transaction.atomic
def _record_success(claimed: YandexAccount, token: Token, now: datetime) -> RefreshOutcome:
    account = _lock_claimed(claimed)
    if account is None:
        return RefreshOutcome.SKIPPED
    account.access_token = token.access_token
    account.refresh_token = token.refresh_token or claimed.refresh_token
    account.expires_at = now + timedelta(seconds=token.expires_in)
    account.token_issued_at = account.renewed_at = now
    if token.scopes is not None:
        account.scopes = list(token.scopes)
    account.refresh_claimed_until = None
    account.save(update_fields=[*TOKEN_FIELDS, "refresh_claimed_until"])
    set_state(account, State.ACTIVE, "", now)
    return RefreshOutcome.RENEWED


@transaction.atomic
def _record_failure(claimed: YandexAccount, error: YandexError, now: datetime) -> RefreshOutcome:
    account = _lock_claimed(claimed)
    if account is None:
        return RefreshOutcome.SKIPPED
    account.refresh_claimed_until = None
    account.save(update_fields=["refresh_claimed_until"])
    if not isinstance(error, AuthorisationRefused):
        logger.warning("The token of account %s was not refreshed: %s", account.pk, error)
        set_state(account, State.REFRESH_FAILED, _transient_reason(account, error), now)
        return RefreshOutcome.TRY_LATER
    if error.error != "invalid_grant":
        # Our application or our request is at fault: the state of the link stays.
        logger.error("Yandex refuses our application: %s", error)
        return RefreshOutcome.TRY_LATER
    _record_refused_refresh_token(account, now)
    return RefreshOutcome.LOST


def _record_refused_refresh_token(account: YandexAccount, now: datetime) -> None:
    if account.state_reason != Reason.ANSWER_LOST:
        set_state(account, State.REAUTH_REQUIRED, Reason.INVALID_GRANT, now)
        return
    # Yandex used up the former refresh token, and its answer with the new one was lost. The access
    # token is probably valid: it is used until it is rejected or expires; then a person reconnects.
    account.refresh_token = ""
    account.save(update_fields=["refresh_token"])
    set_state(account, State.REFRESH_FAILED, Reason.REFRESH_TOKEN_LOST, now)


@transaction.atomic
def _record_no_refresh_token(claimed: YandexAccount, now: datetime) -> RefreshOutcome:
    account = _lock_claimed(claimed)
    if account is None:
        return RefreshOutcome.SKIPPED
    account.refresh_claimed_until = None
    account.save(update_fields=["refresh_claimed_until"])
    if account.expires_at is not None and account.expires_at > now:
        return RefreshOutcome.TRY_LATER
    set_state(account, State.REAUTH_REQUIRED, Reason.EXPIRED, now)
    return RefreshOutcome.LOST


def _lock_claimed(claimed: YandexAccount) -> YandexAccount | None:
    """Lock the row if the claim still holds; None after a relink, disconnect or newer claim."""
    return (
        YandexAccount.objects.select_for_update()
        .filter(pk=claimed.pk, refresh_claimed_until=claimed.refresh_claimed_until)
        .first()
    )


def _transient_reason(account: YandexAccount, error: YandexError) -> Reason:
    if error.may_have_arrived or account.state_reason == Reason.ANSWER_LOST:
        return Reason.ANSWER_LOST
    return Reason.NOT_REFRESHED
