"""Invitations into a cabinet: a link that one person uses once, before it expires."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q

from cabinets import audit
from cabinets.models import Cabinet, Invitation, Membership
from cabinets.people import NotAllowed

#: Days that a link works, as offered in the form; the second is the initial choice.
DAYS = (1, 7, 30)
INITIAL_DAYS = 7
#: Links of one cabinet that are open at the same time.
MAX_OPEN = 50
#: Days that ended and expired invitations are kept.
KEEP_DAYS = 30
#: 32 random bytes in URL-safe base64.
TOKEN_BYTES = 32


#: The same form again within this time is a button pressed twice.
PRESSED_TWICE = timedelta(seconds=10)


class TooManyInvitations(Exception):
    """MAX_OPEN links of the cabinet are open."""


class InvitationEnded(Exception):
    """The link was used, revoked or has expired, or never existed."""


class AlreadyMember(Exception):
    """The person is in the cabinet already; the link stays as it is."""


def digest_of(token: str) -> str:
    """Return the SHA-256 of a token, hexadecimal; of 256 random bits, so without a salt."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def open_invitations(cabinet: Cabinet, members: Iterable[Membership]) -> list[Invitation]:
    """Return the invitations that were neither accepted nor revoked, the newest first.

    Those that have expired are among them, until they are deleted. ``members`` are the cabinet's.
    """
    own = {one.user_id: one for one in members}
    rows = cabinet.invitations.filter(ended_at=None).select_related("invited_by").order_by("-pk")
    return [one for one in rows if is_backed(one, own.get(one.invited_by_id or 0))]


@transaction.atomic
def invite(
    *, cabinet: Cabinet, actor: User, role: str, email: str, days: int, now: datetime
) -> tuple[Invitation, bool]:
    """Create an invitation, whose ``token`` makes the link, and whether this press made it.

    Raises NotAllowed for a role that the actor may not give, and TooManyInvitations.
    """
    Cabinet.objects.select_for_update().get(pk=cabinet.pk)
    own = cabinet.memberships.filter(user=actor).first()
    if own is None or role not in own.given_roles:
        raise NotAllowed
    opened = cabinet.invitations.filter(ended_at=None, expires_at__gt=now)
    values = {"role": role, "email": email, "invited_by": actor}
    before = opened.filter(created_at__gt=now - PRESSED_TWICE, **values).first()
    if before is not None:
        return before, False
    if opened.count() >= MAX_OPEN:
        raise TooManyInvitations
    token = secrets.token_urlsafe(TOKEN_BYTES)
    invitation = Invitation.objects.create(
        cabinet=cabinet,
        token=token,
        digest=digest_of(token),
        created_at=now,
        expires_at=now + timedelta(days=days),
        **values,
    )
    audit.log_change(
        cabinet=cabinet,
        actor=actor,
        action="invitation.created",
        subject=invitation,
        after={"role": role, "email": email, "days": days},
    )
    return invitation, True


@transaction.atomic
def revoke(*, cabinet: Cabinet, actor: User, invitation_pk: int, now: datetime) -> bool:
    """End an invitation that is still open; False when it is not. Raises NotAllowed."""
    rows = cabinet.invitations.select_for_update().filter(pk=invitation_pk, ended_at=None)
    invitation = rows.defer("token").first()
    if invitation is None:
        return False
    own = cabinet.memberships.filter(user=actor).first()
    if own is None or invitation.role not in own.given_roles:
        raise NotAllowed
    Invitation.objects.filter(pk=invitation.pk).update(ended_at=now)
    audit.log_change(
        cabinet=cabinet,
        actor=actor,
        action="invitation.revoked",
        subject=invitation,
        before={"role": invitation.role, "email": invitation.email},
    )
    return True


def find(token: str) -> Invitation | None:
    """Return the invitation with this token, whatever its state; one statement.

    The index is searched for the digest of what was sent, which tells nothing of the stored
    tokens; the digests are then compared in constant time.
    """
    digest = digest_of(token)
    rows = Invitation.objects.filter(digest=digest).select_related("cabinet", "invited_by")
    found = rows.defer("token").first()
    return found if found and hmac.compare_digest(found.digest, digest) else None


def is_backed(invitation: Invitation, inviter: Membership | None) -> bool:
    """Return whether who made the link could still make it: not after they left or lost the role.

    Nor after support has barred them from signing in. ``inviter`` is their membership of the
    invitation's cabinet as it is now, with its user.
    """
    if inviter is None or not inviter.user.is_active:
        return False
    return invitation.role in inviter.given_roles


def is_open(invitation: Invitation, *, now: datetime) -> bool:
    """Return whether the link works now."""
    inviters = Membership.objects.select_related("user").filter(
        cabinet=invitation.cabinet_id, user=invitation.invited_by_id
    )
    inviter = inviters.first()
    is_current = invitation.ended_at is None and invitation.expires_at > now
    return is_current and is_backed(invitation, inviter)


@transaction.atomic
def accept(invitation: Invitation, *, user: User, now: datetime) -> Membership:
    """Make the person a member by the link, which ends; again by the same person changes nothing.

    Raises InvitationEnded and AlreadyMember.
    """
    Cabinet.objects.select_for_update().get(pk=invitation.cabinet_id)
    locked = Invitation.objects.select_for_update().defer("token").get(pk=invitation.pk)
    own = Membership.objects.filter(cabinet_id=locked.cabinet_id, user=user).first()
    if own is not None:
        if locked.accepted_by_id == user.pk:
            return own
        raise AlreadyMember
    if not is_open(locked, now=now):
        raise InvitationEnded
    Invitation.objects.filter(pk=locked.pk).update(ended_at=now, accepted_by=user)
    audit.log_change(
        cabinet=locked.cabinet,
        actor=user,
        action="invitation.accepted",
        subject=locked,
        after={"role": locked.role},
    )
    return Membership.objects.create(cabinet=locked.cabinet, user=user, role=locked.role)


def delete_old(*, now: datetime) -> int:
    """Delete what ended or expired KEEP_DAYS ago; return how many."""
    before = now - timedelta(days=KEEP_DAYS)
    return Invitation.objects.filter(Q(ended_at__lt=before) | Q(expires_at__lt=before)).delete()[0]
