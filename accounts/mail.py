"""Sends e-mails after the response, so that its time does not tell whether one is sent."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException
from threading import BoundedSemaphore

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest

logger = logging.getLogger(__name__)

#: One at a time in each process; a stop of the process waits for the e-mails that are queued.
_sender = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mail")
#: Jobs that are queued or run; further ones are dropped: a mail server that hangs must not fill
#: the memory.
MAX_QUEUED = 100
_free = BoundedSemaphore(MAX_QUEUED)


def is_mail_configured() -> bool:
    """Return whether there is a server to send e-mails by."""
    return bool(settings.EMAIL_HOST)


def mail_context(_request: HttpRequest) -> dict[str, bool]:
    """Return the template context that tells whether this installation sends e-mails."""
    return {"sends_mail": is_mail_configured()}


def send_later(messages: Callable[[], Iterable[EmailMessage]]) -> bool:
    """Queue the messages, which are made in the background too; False when too many wait.

    A failure is logged and not repeated: the person asks again.
    """
    if not _free.acquire(blocking=False):
        logger.error("e-mail dropped: %s wait already", MAX_QUEUED)
        return False
    _sender.submit(_send, messages)
    return True


def wait_until_sent() -> None:
    """Return when every queued message was sent or has failed."""
    _sender.submit(lambda: None).result()


def _send(messages: Callable[[], Iterable[EmailMessage]]) -> None:
    try:
        for message in messages():
            message.send()
    except (SMTPException, OSError) as error:
        logger.error("e-mail not sent: %s", type(error).__name__)
    except Exception:
        logger.exception("e-mail not made")
    finally:
        _free.release()
