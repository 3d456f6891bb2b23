"""The one-time state of a link attempt, bound to the browser's session and to the person.

The state is only a random key; everything else is in the row of the attempt. The row has digests of
the state and of the session's nonce, so a copy of the database is not enough to finish an attempt.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase

from cabinets.models import Cabinet
from cabinets.sealing import Secret, UnsealFailed
from integrations.linking.errors import LinkFailed, LinkFailure
from integrations.models import LinkAttempt, YandexAccount

logger = logging.getLogger(__name__)

NONCE_KEY = "yandex_link_nonce"
# Unfinished attempts per session; a person has fewer tabs open. The oldest one is deleted.
MAX_PENDING = 10
# An expired attempt is kept to answer «Время вышло» instead of «недействительна».
RETENTION = timedelta(days=1)


@dataclass(frozen=True)
class Actor:
    """Who is linking: the person, the cabinet they act for, and the session of their browser."""

    user: User
    cabinet: Cabinet
    session: SessionBase


@dataclass(frozen=True)
class NewAttempt:
    """The values of the authorisation request. Neither secret is stored in clear text."""

    state: Secret
    code_verifier: Secret
    device_id: str


def digest(text: str) -> str:
    """Return the SHA-256 of the text in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def create_attempt(actor: Actor, *, account: YandexAccount | None, now: datetime) -> NewAttempt:
    """Store a new attempt; with ``account`` it may only relink that account.

    The state has 256 random bits, the verifier 64 characters (RFC 7636 section 4.1: 43 to 128).
    """
    attempt = NewAttempt(
        state=Secret(secrets.token_urlsafe(32)),
        code_verifier=Secret(secrets.token_urlsafe(48)),
        device_id=account.device_id if account else str(uuid.uuid4()),
    )
    delete_old(now=now)
    LinkAttempt.objects.create(
        state_digest=digest(attempt.state),
        session_digest=digest(_nonce(actor.session)),
        user=actor.user,
        cabinet=actor.cabinet,
        mode=LinkAttempt.Mode.REAUTHORISE if account else LinkAttempt.Mode.ADD,
        expected_uid=account.yandex_uid if account else "",
        code_verifier=attempt.code_verifier,
        device_id=attempt.device_id,
        authorisation_server=settings.YANDEX_OAUTH_URL,
        created_at=now,
    )
    _drop_oldest(actor.session)
    return attempt


def delete_old(*, now: datetime) -> None:
    """Delete attempts past RETENTION; beat does so too, for a time in which nobody links."""
    LinkAttempt.objects.filter(created_at__lt=now - RETENTION).delete()


def pop_attempt(actor: Actor, *, state: str, now: datetime) -> LinkAttempt:
    """Delete and return the attempt, so that it is used at most once. Raises LinkFailed.

    Only in the browser that began it: in any other the row stays, and its owner can finish it. In
    that browser the row is deleted even when the attempt is then refused.
    """
    if not state:
        raise LinkFailed(LinkFailure.STATE_MISSING)
    attempt = _delete(state, actor.session)
    if attempt is None:
        raise LinkFailed(_failure_for_missing(state))
    if not _belongs_to(attempt, actor):
        raise LinkFailed(LinkFailure.STATE_FOREIGN)
    if attempt.is_expired(now) or not _can_be_unsealed(attempt):
        raise LinkFailed(LinkFailure.STATE_EXPIRED)
    return attempt


def _can_be_unsealed(attempt: LinkAttempt) -> bool:
    """Whether a key opens the attempt's verifier: one may have been taken away since it began."""
    try:
        return bool(attempt.code_verifier)
    except UnsealFailed:
        logger.error("attempt %s: no key of SEALING_KEYS opens its verifier", attempt.pk)
        return False


def _delete(state: str, session: SessionBase) -> LinkAttempt | None:
    # One statement: of two concurrent callbacks exactly one gets the row.
    table = LinkAttempt._meta.db_table
    rows = LinkAttempt.objects.raw(
        f"DELETE FROM {table} WHERE state_digest = %s AND session_digest = %s RETURNING *",
        [digest(state), digest(_nonce(session))],
    )
    return next(iter(rows), None)


def _failure_for_missing(state: str) -> LinkFailure:
    """Distinguish an attempt of another browser from an unknown or used one."""
    is_elsewhere = LinkAttempt.objects.filter(state_digest=digest(state)).exists()
    return LinkFailure.STATE_FOREIGN if is_elsewhere else LinkFailure.STATE_UNKNOWN


def _belongs_to(attempt: LinkAttempt, actor: Actor) -> bool:
    return (
        attempt.user_id == actor.user.pk
        and attempt.cabinet_id == actor.cabinet.pk
        # Yandex names no issuer in its answer (RFC 9207), so the row has the server's address.
        and attempt.authorisation_server == settings.YANDEX_OAUTH_URL
    )


def _nonce(session: SessionBase) -> str:
    """Return the random text of the session; a sign-out deletes it with the session."""
    if NONCE_KEY not in session:
        session[NONCE_KEY] = secrets.token_urlsafe(32)
    nonce: str = session[NONCE_KEY]
    return nonce


def _drop_oldest(session: SessionBase) -> None:
    pending = LinkAttempt.objects.filter(session_digest=digest(_nonce(session)))
    newest = pending.order_by("-created_at", "-pk").values("pk")[:MAX_PENDING]
    pending.exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()
