"""Linking a Yandex account to a cabinet: begin, complete, disconnect.

Every request to Yandex is made with no transaction open. A link is identified by the profile's
`id`, read with the new token; no value that came through the browser decides whose link it is.

The same Yandex account may be linked in several cabinets: agencies serve many clients with one
login. Each cabinet has its own row, its own tokens (one `device_id` a link keeps them apart) and
its own disconnect; they share the request budget, because Yandex counts by login.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from integrations.clients import is_configured, oauth_client
from integrations.installation import guard
from integrations.linking import state
from integrations.linking.errors import LinkFailed, LinkFailure
from integrations.linking.revocation import OrphanToken, revoke_orphan_token
from integrations.linking.state import Actor
from integrations.models import LinkAttempt, YandexAccount
from integrations.signals import account_reconnected
from integrations.yandex.errors import (
    AuthorisationRefused,
    QuotaExceeded,
    UnexpectedAnswer,
    Unreachable,
    YandexError,
)
from integrations.yandex.oauth import challenge_for
from integrations.yandex.records import Profile, Token

logger = logging.getLogger(__name__)

#: The name under which Yandex shows our link in the person's list of devices.
DEVICE_NAME = "CallKeeper"
# The product needs both: to read the counters and to upload calls to them. The broader
# `metrika:write` includes the upload (https://yandex.com/dev/metrika/en/intro/authorization).
READ_SCOPE = "metrika:read"
WRITE_SCOPE = "metrika:write"
UPLOAD_SCOPES = frozenset({"metrika:offline_data", WRITE_SCOPE})

# Error codes of Yandex (https://yandex.ru/dev/id/doc/en/codes/code-url) and our reasons.
FAILURES = {
    "access_denied": LinkFailure.CANCELLED,
    "invalid_grant": LinkFailure.CODE_REFUSED,
    "bad_verification_code": LinkFailure.CODE_REFUSED,
    "invalid_scope": LinkFailure.CODE_REFUSED,
    "unauthorized_client": LinkFailure.APPLICATION_REFUSED,
    "invalid_client": LinkFailure.APPLICATION_REFUSED,
    "Basic auth required": LinkFailure.APPLICATION_REFUSED,
    "Malformed Authorization header": LinkFailure.APPLICATION_REFUSED,
}


@dataclass(frozen=True)
class Linked:
    """The account as stored, and whether this cabinet did not have it before."""

    account: YandexAccount
    is_new: bool


@dataclass(frozen=True)
class Grant:
    """What Yandex returned for a code: the tokens, and the profile they belong to."""

    token: Token
    profile: Profile

    @property
    def scopes(self) -> tuple[str, ...]:
        """The granted scopes. Yandex names them only when they are fewer than requested."""
        if self.token.scopes is None:
            return (*settings.YANDEX_SCOPES, *settings.YANDEX_OPTIONAL_SCOPES)
        return self.token.scopes


def begin(actor: Actor, *, account: YandexAccount | None = None, now: datetime) -> str:
    """Return the address of Yandex's consent page. With ``account``, only that one may be linked.

    Raises LinkFailed when this installation has no application at Yandex, or may not link.
    """
    if not is_configured():
        raise LinkFailed(LinkFailure.NOT_CONFIGURED)
    if not guard.may_request():
        raise LinkFailed(LinkFailure.HALTED)
    attempt = state.create_attempt(actor, account=account, now=now)
    with closing(oauth_client()) as client:
        return client.authorize_url(
            state=attempt.state,
            code_challenge=challenge_for(attempt.code_verifier),
            device_id=attempt.device_id,
            device_name=DEVICE_NAME,
            login_hint=account.login if account else None,
        )


def complete(attempt: LinkAttempt, *, code: str, now: datetime) -> Linked:
    """Turn the code into a stored link. Raises LinkFailed; then nothing is stored.

    ``attempt`` is already deleted, so a code is exchanged at most once, also when Yandex does not
    answer: a second exchange of a code may revoke the token that the first one returned.
    """
    try:
        grant = _exchange(attempt, code)
    except YandexError as error:
        raise LinkFailed(_failure_for(error)) from None
    _check(attempt, grant)
    linked, former = _store(attempt, grant, now)
    if former is not None:
        revoke_orphan_token(former)
    return linked


def disconnect(account: YandexAccount, *, user: User, now: datetime) -> bool:
    """Delete the account's tokens, then revoke them at Yandex; return whether Yandex did.

    Deleting comes first, because it must succeed even when Yandex is unreachable. The counters
    stay, and their deliveries wait for a new link. Raises YandexAccount.DoesNotExist when the
    account is not linked any more, as of a button that was pressed twice; then nothing is written.
    """
    with transaction.atomic():
        account = YandexAccount.objects.linked().select_for_update().get(pk=account.pk)
        former = OrphanToken.of(account)
        _clear_tokens(account, user, now)
    return revoke_orphan_token(former)


def failure_of(error_code: str) -> LinkFailure:
    """Return the reason for an OAuth error code of Yandex; YANDEX_REFUSED for an unknown one."""
    return FAILURES.get(error_code, LinkFailure.YANDEX_REFUSED)


def has_needed_scopes(scopes: tuple[str, ...]) -> bool:
    """Whether these scopes are enough for the product."""
    return READ_SCOPE in scopes and may_upload(scopes)


def may_upload(scopes: Iterable[str]) -> bool:
    """Whether these scopes allow uploads of calls."""
    return bool(UPLOAD_SCOPES & set(scopes))


def may_change_counters(scopes: Iterable[str]) -> bool:
    """Whether these scopes allow creating goals."""
    return WRITE_SCOPE in scopes


def _exchange(attempt: LinkAttempt, code: str) -> Grant:
    with closing(oauth_client()) as client:
        token = client.exchange_code(
            code=code,
            code_verifier=attempt.code_verifier,
            device_id=attempt.device_id,
            device_name=DEVICE_NAME,
        )
        try:
            return Grant(token, client.profile(access_token=token.access_token))
        except YandexError:
            revoke_orphan_token(
                OrphanToken(token.access_token, attempt.expected_uid, attempt.device_id)
            )
            raise


def _failure_for(error: YandexError) -> LinkFailure:
    if isinstance(error, guard.SendingHalted):
        return LinkFailure.HALTED
    if isinstance(error, Unreachable | QuotaExceeded | UnexpectedAnswer):
        logger.warning("A link was not finished: %s", error)
        return LinkFailure.YANDEX_SILENT
    reason = LinkFailure.YANDEX_REFUSED
    if isinstance(error, AuthorisationRefused):
        reason = failure_of(error.error)
    if reason is not LinkFailure.CODE_REFUSED:
        logger.error("Yandex refuses our application: %s", error)
    return reason


def _check(attempt: LinkAttempt, grant: Grant) -> None:
    if grant.profile.client_id != settings.YANDEX_CLIENT_ID:
        # A token of another application was injected (RFC 9700 section 4.6); it is not revoked.
        raise LinkFailed(LinkFailure.FOREIGN_TOKEN)
    reason = _grant_failure(attempt, grant)
    if reason is not None:
        revoke_orphan_token(
            OrphanToken(grant.token.access_token, grant.profile.yandex_uid, attempt.device_id)
        )
        raise LinkFailed(reason)


def _grant_failure(attempt: LinkAttempt, grant: Grant) -> LinkFailure | None:
    if not has_needed_scopes(grant.scopes):
        return LinkFailure.SCOPES_MISSING
    if attempt.expected_uid and attempt.expected_uid != grant.profile.yandex_uid:
        return LinkFailure.OTHER_ACCOUNT
    return None


@transaction.atomic
def _store(attempt: LinkAttempt, grant: Grant, now: datetime) -> tuple[Linked, OrphanToken | None]:
    """Store the link; return it with the token that it had before."""
    fields = _fields(attempt, grant, now)
    # Two tabs may finish at once: the constraint admits one row, the other tab updates it.
    account, is_new = YandexAccount.objects.select_for_update().get_or_create(
        cabinet=attempt.cabinet,
        yandex_uid=grant.profile.yandex_uid,
        defaults=fields | _connection(attempt.user, now),
    )
    before = {} if is_new else _audit_values(account)
    former = None if is_new else OrphanToken.of(account)
    if not is_new:
        _relink(account, fields, attempt.user, now)
    audit.log_change(
        cabinet=attempt.cabinet,
        actor=attempt.user,
        action="account.link" if is_new else "account.relink",
        subject=account,
        before=before,
        after=_audit_values(account),
    )
    account_reconnected.send(sender=YandexAccount, account=account)
    return Linked(account, is_new), former


def _fields(attempt: LinkAttempt, grant: Grant, now: datetime) -> dict[str, Any]:
    return {
        "login": grant.profile.login or grant.profile.yandex_uid,
        "display_name": grant.profile.display_name,
        "access_token": grant.token.access_token,
        "refresh_token": grant.token.refresh_token,
        "scopes": list(grant.scopes),
        "device_id": attempt.device_id,
        "state": YandexAccount.State.ACTIVE,
        "state_reason": "",
        "state_changed_at": now,
        "expires_at": now + timedelta(seconds=grant.token.expires_in),
        "token_issued_at": now,
        # A refresh of the former token that is running now finds its claim gone.
        "refresh_claimed_until": None,
        "renewed_at": None,
        "probed_at": None,
        "disconnected_at": None,
    }


def _connection(user: User, now: datetime) -> dict[str, Any]:
    return {"connected_at": now, "connected_by": user}


def _relink(account: YandexAccount, fields: dict[str, Any], user: User, now: datetime) -> None:
    if not account.is_linked:
        fields = fields | _connection(user, now)
    _save(account, fields)


def _save(account: YandexAccount, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        setattr(account, name, value)
    account.save(update_fields=list(fields))


def _clear_tokens(account: YandexAccount, user: User, now: datetime) -> None:
    before = _audit_values(account)
    fields = {
        "access_token": "",
        "refresh_token": "",
        "state": YandexAccount.State.DISCONNECTED,
        "state_reason": "",
        "state_changed_at": now,
        "disconnected_at": now,
        "expires_at": None,
        "refresh_claimed_until": None,
    }
    _save(account, fields)
    audit.log_change(
        cabinet=account.cabinet,
        actor=user,
        action="account.disconnect",
        subject=account,
        before=before,
        after=_audit_values(account),
    )


def _audit_values(account: YandexAccount) -> dict[str, Any]:
    """Return what the audit trail stores of an account; never a token."""
    return {
        "yandex_uid": account.yandex_uid,
        "login": account.login,
        "state": str(account.state),
        "scopes": account.scopes,
    }
