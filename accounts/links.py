"""Links by which a person sets a password: asked for by themselves, or given by support.

A link works once: its token depends on the stored password and the last sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator, default_token_generator
from django.core.mail import EmailMessage
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from accounts.emails import unconfirmed
from accounts.mail import is_mail_configured, send_later
from accounts.preferences import in_language_of
from accounts.sessions import end_sessions
from cabinets import audit
from cabinets.sealing import Secret

INVITATION_DAYS = 3


class InvitationTokens(PasswordResetTokenGenerator):
    """Tokens that `default_token_generator` accepts for INVITATION_DAYS."""

    def make_token(self, user: User) -> str:
        """Return a token whose time is so far ahead that PASSWORD_RESET_TIMEOUT ends then."""
        life = timedelta(days=INVITATION_DAYS).total_seconds()
        ahead = int(life) - settings.PASSWORD_RESET_TIMEOUT
        return self._make_token_with_timestamp(
            user,
            self._num_seconds(self._now()) + ahead,
            self.secret,
        )


@dataclass(frozen=True)
class Invitation:
    """A link that is to be shown once, or the address to which it was sent."""

    url: Secret
    sent_to: str = ""


def link_of(user: User, token: str) -> str:
    """Return the URL; it leads to PUBLIC_URL whatever host the request named."""
    place = {"uidb36": urlsafe_base64_encode(force_bytes(user.pk)), "key": token}
    return settings.PUBLIC_URL + reverse("account_reset_password_from_key", kwargs=place)


def mail_address(user: User) -> str:
    """Return the address to which links of the user are sent, empty when there is none.

    An address that is not confirmed may be another person's, who would get into the cabinet.
    """
    address = user.email or user.get_username()
    return address if "@" in address and not unconfirmed(user, address) else ""


def link_message(user: User, address: str) -> EmailMessage:
    """Return the e-mail for a person who forgot the password, in their language."""
    url = link_of(user, default_token_generator.make_token(user))
    with in_language_of(user):
        return _message(user, address, url, _("Новый пароль в CallKeeper"), "password_reset_email")


@transaction.atomic
def invite(user: User, *, actor: User, by_mail: bool) -> Invitation:
    """Remove the user's password, end their sessions and earlier links, make a link for a new one.

    With ``by_mail`` the link is sent, if e-mail is configured and the user has an address; else it
    is to be shown to the actor, once. The audit trail records which.
    """
    user.set_unusable_password()  # other random text each time, on which the tokens depend
    user.save(update_fields=["password"])
    end_sessions(user)
    url = link_of(user, InvitationTokens().make_token(user))
    address = mail_address(user) if by_mail and is_mail_configured() else ""
    if address:
        with in_language_of(user):
            subject = _("Вход в личный кабинет CallKeeper")
            message = _message(user, address, url, subject, "invitation_email")
        address = address if send_later(lambda: [message]) else ""
    audit.log_change(
        cabinet=None,
        actor=actor,
        action="user.invited",
        subject=user,
        after={"link": "sent" if address else "shown", "to": address},
    )
    return Invitation(Secret(url), address)


def _message(user: User, address: str, url: str, subject: str, template: str) -> EmailMessage:
    context = {
        "login": user.get_username(),
        "url": url,
        "days": INVITATION_DAYS,
        "support": settings.SUPPORT_EMAIL,
    }
    body = render_to_string(f"registration/{template}.txt", context)
    return EmailMessage(subject, body, to=[address])
