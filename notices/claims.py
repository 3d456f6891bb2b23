"""Claims a message for one worker and records what became of it. Every write is a compare-and-set.

The order is claim, mark, send, record. A worker that dies before the mark has sent nothing: its
message is sent by another. After the mark the text may have arrived: an e-mail and a Telegram
message are then not repeated, because nobody could tell the second from the first. A webhook is
repeated with the same id and the same bytes, by which its receiver recognises it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from django.db import transaction
from django.db.models import Q

from notices.models import Medium, MessageState, NoticeMessage

#: Longer than the timeouts of any medium together.
LEASE = timedelta(minutes=3)
#: Pauses before the next attempts; after the last one a message has failed.
PAUSES = tuple(
    timedelta(minutes=minutes) for minutes in (1, 5, 30, 2 * 60, 5 * 60, 10 * 60, 14 * 60, 24 * 60)
)


class Result(Enum):
    """What a medium says of an attempt."""

    SENT = "sent"
    #: It did not arrive, and may later.
    RETRY = "retry"
    #: It was refused for good.
    REFUSED = "refused"
    #: The answer was lost.
    UNCLEAR = "unclear"


@dataclass(frozen=True)
class Outcome:
    """The result of an attempt, with a code of the failure and the pause that was asked for."""

    result: Result
    error: str = ""
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True)
class Text:
    """The subject and the text of a message, as it leaves."""

    subject: str
    body: str


@dataclass(frozen=True)
class Postponed:
    """There is nothing to send before this moment."""

    until: datetime


class LeaseLost(Exception):
    """Another worker has the message: nothing more may be sent or written."""


Compose = Callable[[NoticeMessage], Text | Postponed | None]


def claim(compose: Compose, *, now: datetime) -> NoticeMessage | None:
    """Hold the message that has been due longest; its text is stored with the first claim.

    A message with nothing left to tell ends here. Return None when none is due.
    """
    while True:
        with transaction.atomic():
            due = NoticeMessage.objects.due(now).select_for_update(skip_locked=True, of=("self",))
            message = due.order_by("not_before", "pk").first()
            if message is None:
                return None
            if _prepare(message, compose, now):
                return message


def _prepare(message: NoticeMessage, compose: Compose, now: datetime) -> bool:
    """Compose it if that was not done and hold it; False when it is put off or not needed."""
    if not message.body:
        text = compose(message)
        if isinstance(text, Postponed):
            _write(message, not_before=text.until)
            return False
        if text is None:
            _write(message, state=MessageState.DROPPED, ended_at=now)
            return False
        message.subject, message.body = text.subject, text.body
    _write(
        message,
        state=MessageState.SENDING,
        attempts=message.attempts + 1,
        lease_until=now + LEASE,
        marked_at=None,
        subject=message.subject,
        body=message.body,
    )
    return True


def _write(message: NoticeMessage, **values: object) -> None:
    for name, value in values.items():
        setattr(message, name, value)
    message.save(update_fields=list(values))


def mark(message: NoticeMessage, *, now: datetime) -> None:
    """Record that the text is about to leave. Raises LeaseLost."""
    _move(message, Q(lease_until__gt=now), marked_at=now)


def record(message: NoticeMessage, outcome: Outcome, *, now: datetime) -> MessageState:
    """Record the outcome of the attempt; return the state that it leads to. Raises LeaseLost."""
    state = _state_after(message, outcome)
    is_over = state != MessageState.WAITING
    pause = max(PAUSES[min(message.attempts, len(PAUSES)) - 1], outcome.retry_after)
    _move(
        message,
        Q(),
        state=state,
        error=outcome.error,
        lease_until=None,
        not_before=message.not_before if is_over else now + pause,
        ended_at=now if is_over else None,
    )
    return state


def _state_after(message: NoticeMessage, outcome: Outcome) -> MessageState:
    if outcome.result is Result.SENT:
        return MessageState.SENT
    if outcome.result is Result.UNCLEAR and message.medium != Medium.WEBHOOK:
        return MessageState.UNCLEAR
    if outcome.result is Result.REFUSED or message.attempts >= len(PAUSES):
        return MessageState.FAILED
    return MessageState.WAITING


def _move(message: NoticeMessage, condition: Q, **values: object) -> None:
    # The number of the attempt tells our claim from a later one.
    ours = NoticeMessage.objects.filter(
        condition, pk=message.pk, state=MessageState.SENDING, attempts=message.attempts
    )
    if not ours.update(**values):
        raise LeaseLost


def release_abandoned(*, now: datetime) -> int:
    """Move on the messages whose worker died; return how many."""
    abandoned = NoticeMessage.objects.abandoned(now)
    may_repeat = Q(marked_at=None) | Q(medium=Medium.WEBHOOK)
    unclear = abandoned.exclude(may_repeat).update(
        state=MessageState.UNCLEAR, lease_until=None, ended_at=now, error="worker_lost"
    )
    # A message that kills its workers ends all the same.
    over = Q(attempts__gte=len(PAUSES))
    failed = abandoned.filter(may_repeat & over).update(
        state=MessageState.FAILED, lease_until=None, ended_at=now, error="worker_lost"
    )
    again = abandoned.filter(may_repeat).update(
        state=MessageState.WAITING, lease_until=None, not_before=now
    )
    return unclear + failed + again
