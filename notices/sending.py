"""Sends due messages one after the other: claim, mark, send, record."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial

from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError
from django.utils import timezone

from cabinets.models import Membership
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from integrations.installation import guard
from integrations.installation.state import Kind
from notices import claims
from notices.claims import LeaseLost, Outcome, Postponed, Result, Text
from notices.compose import changes_of, recovered, text_about
from notices.digest import text_of_digest
from notices.media import email, telegram, webhook
from notices.models import Medium, NoticeMessage, TelegramLink
from notices.payload import payload_about
from notices.readers import as_read_by_receiver

logger = logging.getLogger(__name__)

Send = Callable[[NoticeMessage, Callable[[], None]], Outcome]
MEDIA: Mapping[str, Send] = {
    Medium.EMAIL: email.send,
    Medium.TELEGRAM: telegram.send,
    Medium.WEBHOOK: webhook.send,
}


#: What a database is that tells nobody anything.
SILENT = (Kind.COPY, Kind.FOREIGN, Kind.BEHIND)
#: A message whose text could not be made is tried again after the pause, for so long.
BROKEN_PAUSE, BROKEN_LIFE = timedelta(hours=1), timedelta(days=1)


def send_due(*, seconds: float) -> int:
    """Send what is due for so long; return how many messages were tried.

    Nothing is sent from a copy of the database, or from one that went back in time: the people of
    the cabinets are told by the installation itself, or have been told already.
    """
    if guard.state().kind in SILENT:
        return 0
    claims.release_abandoned(now=timezone.now())
    end = timezone.now() + timedelta(seconds=seconds)
    tried = 0
    while timezone.now() < end and not shutdown.is_requested():
        message = claims.claim(_compose, now=timezone.now())
        if message is None:
            break
        tried += 1
        with isolated_errors(logger, "notice message %s", message.pk):
            send_one(message)
    return tried


def send_one(message: NoticeMessage) -> None:
    """Send a claimed message and record what became of it."""
    failpoint("after_notice_claim")
    try:
        outcome = _attempt(message)
        failpoint("after_notice_answer")
        state = claims.record(message, outcome, now=timezone.now())
    except LeaseLost:
        logger.warning("notice message %s was taken over by another worker", message.pk)
        return
    if outcome.result is not Result.SENT:
        logger.warning("notice message %s: %s, now %s", message.pk, outcome.error, state)
    if outcome.error == "telegram_403":
        # The person blocked the bot: the choices page shows that no chat is linked.
        TelegramLink.objects.filter(user=message.user_id).update(chat_id=None)


def _attempt(message: NoticeMessage) -> Outcome:
    """Send it; who has left the cabinet since the last attempt is not told any more."""
    if message.user is not None and not _is_member(message):
        return Outcome(Result.REFUSED, "not_a_member")
    return MEDIA[message.medium](message, partial(_mark, message))


def _mark(message: NoticeMessage) -> None:
    claims.mark(message, now=timezone.now())


def _compose(message: NoticeMessage) -> Text | Postponed | None:
    """Return the text; a message whose text cannot be made must not hold up the others."""
    try:
        return _text_of(message)
    except (DatabaseError, SoftTimeLimitExceeded):
        raise
    except Exception:
        logger.exception("the text of notice message %s cannot be made", message.pk)
    now = timezone.now()
    return None if message.created_at < now - BROKEN_LIFE else Postponed(now + BROKEN_PAUSE)


def _text_of(message: NoticeMessage) -> Text | Postponed | None:
    if message.user is not None and not _is_member(message):
        return None
    with as_read_by_receiver(message):
        if message.digest_day is not None:
            return text_of_digest(message)
        changes = changes_of(message)
        if changes is None or isinstance(changes, Postponed):
            return changes
        if message.medium == Medium.WEBHOOK:
            return payload_about(message, *changes, now=timezone.now())
        begun, ended = changes[0], recovered(changes[1])
        return text_about(message, begun, ended) if begun or ended else None


def _is_member(message: NoticeMessage) -> bool:
    """Whether the person may still be told: they may have left the cabinet meanwhile."""
    members = Membership.objects.filter(cabinet=message.cabinet_id, user=message.user_id)
    return members.filter(user__is_active=True).exists()
