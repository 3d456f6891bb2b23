"""Sends a message by SMTP; the mark is set between the envelope and the text.

Until the text has left, every failure is known to have delivered nothing, and is repeated. When the
answer to the text is lost the message is unclear (`notices.claims`).
"""

from __future__ import annotations

import smtplib
from collections.abc import Callable
from email.utils import parseaddr
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address
from django.urls import reverse

from notices.claims import Outcome, Result
from notices.models import NoticeMessage

#: Replies from here on are final (RFC 5321, 4.2.1).
PERMANENT = 500


def send(message: NoticeMessage, mark: Callable[[], None]) -> Outcome:
    """Send it to the person's address."""
    assert message.user is not None
    text = _mail(message)
    backend = EmailBackend()
    try:
        backend.open()
        smtp = backend.connection
        assert isinstance(smtp, smtplib.SMTP)
        smtp.ehlo_or_helo_if_needed()
        _expect(smtp.mail(_envelope_address(settings.DEFAULT_FROM_EMAIL)))
        _expect(smtp.rcpt(_envelope_address(message.user.email)))
    except (OSError, smtplib.SMTPException) as error:
        _hang_up(backend)
        return _not_sent(error)
    mark()
    return _send_text(backend, smtp, text)


def _send_text(backend: EmailBackend, smtp: smtplib.SMTP, text: bytes) -> Outcome:
    try:
        code, _reply = smtp.data(text)
    except smtplib.SMTPDataError as error:  # the server wants no text at all
        return _not_sent(error)
    except (OSError, smtplib.SMTPException):
        return Outcome(Result.UNCLEAR, "answer_lost")
    finally:
        _hang_up(backend)
    return Outcome(Result.SENT) if code == 250 else _refused(code)


def _envelope_address(text: str) -> str:
    """Return the address without a name; a domain in Cyrillic in Punycode, as SMTP wants it."""
    return parseaddr(sanitize_address(parseaddr(text)[1], "utf-8"))[1]


def _expect(reply: tuple[int, bytes]) -> None:
    code, text = reply
    if code not in (250, 251):
        raise smtplib.SMTPResponseException(code, text)


def _not_sent(error: Exception) -> Outcome:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return Outcome(Result.RETRY, "sign_in_refused")
    if isinstance(error, smtplib.SMTPResponseException):
        return _refused(error.smtp_code)
    return Outcome(Result.RETRY, "no_connection")


def _refused(code: int) -> Outcome:
    return Outcome(Result.REFUSED if code >= PERMANENT else Result.RETRY, f"smtp_{code}")


def _hang_up(backend: EmailBackend) -> None:
    """Close the connection; what was answered before does not change."""
    try:
        backend.close()
    except (OSError, smtplib.SMTPException):
        backend.connection = None


def _mail(message: NoticeMessage) -> bytes:
    assert message.user is not None
    host = urlsplit(settings.PUBLIC_URL).hostname or "localhost"
    choices = f"{settings.PUBLIC_URL}{reverse('notices:choices')}"
    mail = EmailMessage(
        message.subject,
        message.body,
        to=[message.user.email],
        headers={
            "Message-ID": f"<notice.{message.uid.hex}@{host}>",
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{choices}>",
        },
    )
    made: Any = mail.message()  # its stubs do not know the argument
    text: bytes = made.as_bytes(linesep="\r\n")
    return text
