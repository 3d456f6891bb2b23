"""The one-time state of a link attempt, bound to the browser's session and to the person.

The state is a random key and nothing else; what it opens is a row here. Only digests of the state
and of the session's nonce are stored, so a copy of the database cannot finish anybody's attempt.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase

from cabinets.models import Cabinet
from cabinets.sealing import Sealed
from integrations.linking.errors import LinkFailed, LinkFailure
from integrations.models import LinkAttempt, YandexAccount

NONCE = "yandex_link_nonce"
# A browser with more tabs than this on Yandex's page is not a person; the oldest gives way.
MAX_PENDING = 10
# An expired attempt is kept this long only to say «Время вышло» instead of «недействительна».
KEPT_FOR = timedelta(days=1)


@dataclass(frozen=True)
class Actor:
    """Who is linking: the person, the cabinet they act for, and the session of their browser."""

    user: User
    cabinet: Cabinet
    session: SessionBase


@dataclass(frozen=True)
class Stashed:
    """What the authorisation request is made of. Neither value is stored in the open."""

    state: Sealed
    code_verifier: Sealed
    device_id: str


def digest(text: str) -> str:
    """Return the SHA-256 of a random text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def stash(actor: Actor, *, account: YandexAccount | None, now: datetime) -> Stashed:
    """Write down a new attempt; with ``account`` it may only make that account's link anew.

    The state has 256 random bits, the verifier 64 characters (RFC 7636 section 4.1: 43 to 128).
    """
    stashed = Stashed(
        state=Sealed(secrets.token_urlsafe(32)),
        code_verifier=Sealed(secrets.token_urlsafe(48)),
        device_id=account.device_id if account else str(uuid.uuid4()),
    )
    LinkAttempt.objects.filter(created_at__lt=now - KEPT_FOR).delete()
    LinkAttempt.objects.create(
        state_digest=digest(stashed.state),
        session_digest=digest(_nonce(actor.session)),
        user=actor.user,
        cabinet=actor.cabinet,
        mode=LinkAttempt.Mode.REAUTHORISE if account else LinkAttempt.Mode.ADD,
        expected_uid=account.yandex_uid if account else "",
        code_verifier=stashed.code_verifier,
        device_id=stashed.device_id,
        authorisation_server=settings.YANDEX_OAUTH_URL,
        created_at=now,
    )
    _drop_oldest(actor.session)
    return stashed


def take(actor: Actor, *, state: str, now: datetime) -> LinkAttempt:
    """Take the attempt out, so that nobody can take it again. Raises LinkRefused.

    Only the browser that began it can: in any other the attempt stays for its owner to finish. In
    its own browser it is gone even when it is then refused.
    """
    if not state:
        raise LinkFailed(LinkFailure.STATE_MISSING)
    attempt = _pop(state, actor.session)
    if attempt is None:
        raise LinkFailed(_reason_of_absence(state))
    if not _belongs_to(attempt, actor):
        raise LinkFailed(LinkFailure.STATE_FOREIGN)
    if attempt.is_expired(now):
        raise LinkFailed(LinkFailure.STATE_EXPIRED)
    return attempt


def _pop(state: str, session: SessionBase) -> LinkAttempt | None:
    # One statement: of two concurrent callbacks exactly one gets the row, and a stranger none.
    table = LinkAttempt._meta.db_table
    rows = LinkAttempt.objects.raw(
        f"DELETE FROM {table} WHERE state_digest = %s AND session_digest = %s RETURNING *",
        [digest(state), digest(_nonce(session))],
    )
    return next(iter(rows), None)


def _reason_of_absence(state: str) -> LinkFailure:
    """Tell an attempt of another browser from one that never was, or was taken."""
    is_elsewhere = LinkAttempt.objects.filter(state_digest=digest(state)).exists()
    return LinkFailure.STATE_FOREIGN if is_elsewhere else LinkFailure.STATE_UNKNOWN


def _belongs_to(attempt: LinkAttempt, actor: Actor) -> bool:
    return (
        attempt.user_id == actor.user.pk
        and attempt.cabinet_id == actor.cabinet.pk
        # Yandex names no issuer in its answer (RFC 9207); the row remembers who was asked.
        and attempt.authorisation_server == settings.YANDEX_OAUTH_URL
    )


def _nonce(session: SessionBase) -> str:
    """Return the session's own random text; a sign-out throws it away with the session."""
    if NONCE not in session:
        session[NONCE] = secrets.token_urlsafe(32)
    nonce: str = session[NONCE]
    return nonce


def _drop_oldest(session: SessionBase) -> None:
    pending = LinkAttempt.objects.filter(session_digest=digest(_nonce(session)))
    newest = pending.order_by("-created_at", "-pk").values("pk")[:MAX_PENDING]
    pending.exclude(pk__in=list(newest.values_list("pk", flat=True))).delete()
