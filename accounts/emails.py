"""Whether a person's e-mail address is theirs: nothing is sent to one that is not confirmed.

A person who joins by an invitation names the address, and may mistype it or name another's. It is
kept in the table of allauth, and confirmed by a link that only its owner, signed in, can use. What
support has entered counts as confirmed: it has no row there.
"""

from __future__ import annotations

import hmac

from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from cabinets import audit
from cabinets.models import Invitation

#: Days that a link works.
LINK_DAYS = settings.ACCOUNT_EMAIL_CONFIRMATION_EXPIRE_DAYS
#: What has to be prefetched with many people.
RELATED = "user__emailaddress_set"


def add_address(user: User, *, is_confirmed: bool) -> None:
    """Note the address that a new person has named."""
    EmailAddress.objects.create(
        user=user, email=user.email, primary=True, verified=is_confirmed and _is_free(user.email)
    )


def unconfirmed(user: User, address: str | None = None) -> EmailAddress | None:
    """Return the row of the address, else the person's e-mail, if it is not confirmed yet."""
    rows = user.emailaddress_set.all()  # type: ignore[attr-defined]  # allauth is not typed
    own = (user.email if address is None else address).lower()
    return next((one for one in rows if one.email.lower() == own and not one.verified), None)


def confirmed_address(user: User) -> str:
    """Return the person's address if something may be sent to it; else ''."""
    return "" if unconfirmed(user) else user.email


def confirmation_message(address: EmailAddress) -> EmailMessage:
    """Return the e-mail with the link; it leads to PUBLIC_URL whatever host the request named."""
    key = EmailConfirmationHMAC(address).key
    context = {
        "url": settings.PUBLIC_URL + reverse("email-confirm", args=[key]),
        "login": address.user.get_username(),
        "days": LINK_DAYS,
        "support": settings.SUPPORT_EMAIL,
    }
    body = render_to_string("registration/email_confirmation.txt", context)
    return EmailMessage(_("Подтвердите почту в CallKeeper"), body, to=[address.email])


def address_of_link(key: str, user: User) -> EmailAddress | None:
    """Return the unconfirmed address that the link is for; None of another person's, or used."""
    found = EmailConfirmationHMAC.from_key(key)
    current = unconfirmed(user)
    return current if found and current and found.email_address.pk == current.pk else None


def confirm(address: EmailAddress, *, actor: User) -> bool:
    """Confirm it, once; False when another person has confirmed the same address."""
    rows = EmailAddress.objects.filter(pk=address.pk, verified=False)
    try:
        with transaction.atomic():
            if rows.update(verified=True):
                after = {"email": address.email}
                audit.log_change(
                    cabinet=None,
                    actor=actor,
                    action="user.email_confirmed",
                    subject=actor,
                    after=after,
                )
    except IntegrityError:
        return False
    return True


def proof_of(invitation: Invitation) -> str:
    """Return what only the e-mail of the invitation has in its link, and no page."""
    text = f"{invitation.digest} {invitation.email.lower()}"
    return salted_hmac("accounts.emails.proof_of", text, algorithm="sha256").hexdigest()[:32]


def is_proven(invitation: Invitation, email: str, proof: str) -> bool:
    """Whether the invitation was sent to this address and opened from there."""
    is_same = invitation.email != "" and invitation.email.lower() == email.lower()
    return is_same and hmac.compare_digest(proof.encode(), proof_of(invitation).encode())


def _is_free(email: str) -> bool:
    return not EmailAddress.objects.filter(email__iexact=email, verified=True).exists()
