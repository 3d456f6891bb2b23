"""The link of an invitation into a cabinet, and the e-mail that brings it."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.emails import proof_of
from cabinets.models import Invitation
from cabinets.sealing import Secret

#: The parameter of the link by which an e-mail is known.
PROOF = "mail"


def link_of(invitation: Invitation) -> Secret:
    """Return the URL; it leads to PUBLIC_URL whatever host the request named.

    Raises UnsealFailed when no key opens the token any more.
    """
    return Secret(settings.PUBLIC_URL + reverse("invitation", args=[invitation.token]))


def message_of(invitation: Invitation, inviter: str) -> EmailMessage:
    """Return the e-mail to the invitation's address; ``inviter`` is the name of who invites."""
    until = timezone.localtime(invitation.expires_at, invitation.cabinet.zone)
    context = {
        "inviter": inviter,
        "cabinet_name": invitation.cabinet.name,
        "role": invitation.get_role_display(),
        # From the page of invitations, which has no proof, anybody may open the link.
        "url": f"{link_of(invitation)}?{PROOF}={proof_of(invitation)}",
        "until": date_format(until, "j E Y H:i"),
        "support": settings.SUPPORT_EMAIL,
    }
    body = render_to_string("registration/cabinet_invitation_email.txt", context)
    subject = _("Приглашение в личный кабинет CallKeeper")
    return EmailMessage(subject, body, to=[invitation.email])
