"""The next step after each answer of Metrika: pure functions, without database and clock."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from calls.delivery.error_owners import Action, owner_of_error
from calls.states import Attention, UploadState
from counters.states import Access, StopCause
from integrations.limits.quota_reset import (
    Jitter,
    QuotaScope,
    capped_retry_after,
    quota_ends,
    quota_scope,
)
from integrations.yandex.errors import QuotaExceeded, YandexError
from integrations.yandex.records import LINKAGE_FAILURE, PROCESSED

#: After network errors and 5xx before anything could arrive: full jitter, 30 s · 2ⁿ up to an hour.
BACKOFF_FIRST = timedelta(seconds=30)
BACKOFF_CAP = timedelta(hours=1)
#: Absence is proven by this many listings, the last one after the grace time.
LOOKUPS_NEEDED = 3
#: Metrika promises two hours and may take a day; after two days the upload is shown as overdue.
OVERDUE_AFTER = timedelta(hours=48)
#: An overdue upload is polled once a day, as long as calls can be linked to visits.
OVERDUE_POLL = timedelta(days=1)
NO_OUTCOME_AFTER = timedelta(days=21)
#: Polls of one upload, as multiples of POLL_SECONDS: 10, 30, 60, 120 minutes, then every two hours.
POLL_STEPS: Sequence[int] = (1, 2, 3, 6, 12)
#: Any other status means that Metrika is still processing the file.
FINAL_STATES = {
    PROCESSED: UploadState.PROCESSED,
    LINKAGE_FAILURE: UploadState.LINKAGE_FAILURE,
}

#: The format of our markers; other comments belong to other tools of the customer.
MARKER = re.compile(r"ck[0-9a-f]{32}")
#: Of Metrika's refusals the one that means the file (https://yandex.com/dev/metrika/en/intro/errors).
FILE_REFUSED = "invalid_uploading"


@dataclass(frozen=True)
class NextStep:
    """The next state of an upload after an attempt, and the other consequences."""

    state: UploadState
    not_before: datetime
    attention: Attention | None = None
    #: Whose quota is spent: all uploads in this scope are paused until `not_before`.
    pauses: QuotaScope | None = None
    token_rejected: bool = False
    #: Recorded on the counter, which then is not sendable: a cause of the counter, a lost access.
    stops: StopCause | None = None
    access: Access | None = None


def after_repeated_rejection(step: NextStep, now: datetime) -> NextStep:
    """Return what follows when the counter's file before this one was rejected, too.

    Then the cause is held to be the counter's: this file waits with it instead of being left to a
    person, and nothing more is tried until the counter goes on.
    """
    if step.attention != Attention.REJECTED:
        return step
    return NextStep(UploadState.LATER, now, stops=StopCause.REJECTING)


def backoff(attempts: int, jitter: Jitter = random.random) -> timedelta:
    """Return the pause before the next attempt after ``attempts`` failed ones."""
    doublings: int = min(max(attempts - 1, 0), 16)
    ceiling = min(BACKOFF_FIRST * (1 << doublings), BACKOFF_CAP)
    return ceiling * jitter()


def after_failure(
    error: YandexError,
    *,
    attempts: int,
    now: datetime,
    ahead: timedelta = timedelta(0),
    jitter: Jitter = random.random,
) -> NextStep:
    """Return what follows from a failed send.

    A file that may have arrived is not repeated or split: it becomes unclear and is looked up
    first, whatever else the answer says. Metrika's clock is ``ahead`` of ours.
    """
    step = _after_refusal(error, attempts=attempts, now=now, ahead=ahead, jitter=jitter)
    if error.may_have_arrived:
        return (
            replace(step, state=UploadState.UNCLEAR, attention=None)
            if step
            else NextStep(UploadState.UNCLEAR, now)
        )
    return step or NextStep(UploadState.LATER, now + _pause(error, attempts, jitter))


def _after_refusal(
    error: YandexError, *, attempts: int, now: datetime, ahead: timedelta, jitter: Jitter
) -> NextStep | None:
    """Return what follows from a refusal; None when nothing was refused."""
    owned = owner_of_error(error)
    if isinstance(error, QuotaExceeded):
        until = quota_ends(error, now=now, ahead=ahead, jitter=jitter)
        return NextStep(UploadState.LATER, until, pauses=quota_scope(error))
    if owned.action is Action.RENEW_TOKEN:
        # Sent again at once only if the token can be renewed; see `results`.
        pause = _pause(error, attempts, jitter)
        return NextStep(UploadState.LATER, now + pause, token_rejected=True)
    # With a stop, or without access, the counter is not sendable and the upload waits in its row.
    if owned.action in (Action.STOP_COUNTER, Action.LOSE_ACCESS):
        return NextStep(UploadState.LATER, now, stops=owned.stops, access=owned.access)
    return _OF_FILE[owned.action](now) if owned.action in _OF_FILE else None


#: Refusals for the content of the file, which the same again cannot cure.
_OF_FILE: dict[Action, Callable[[datetime], NextStep]] = {
    Action.BISECT: lambda now: NextStep(UploadState.SPLITTING, now, attention=Attention.SPLIT),
    Action.HALVE: lambda now: NextStep(UploadState.SPLITTING, now, attention=Attention.TOO_LARGE),
    Action.REJECT: lambda now: NextStep(
        UploadState.NEEDS_ATTENTION, now, attention=Attention.REJECTED
    ),
}


def _pause(error: YandexError, attempts: int, jitter: Jitter) -> timedelta:
    return max(capped_retry_after(error.retry_after), backoff(attempts, jitter))


def after_status(
    status: str, *, source_quantity: int | None, line_quantity: int | None, rows: int
) -> tuple[UploadState, Attention | None]:
    """Return the state and the remark for Metrika's status and counts of rows.

    An unknown status means that Metrika is still processing the file. ``LINKAGE_FAILURE`` is final
    and no error of ours: no identifier was matched. A file of static calls always ends so, and its
    calls are in the reports.
    """
    attention = None
    if _fewer(source_quantity, rows) or _fewer(line_quantity, rows):
        attention = Attention.ROW_REFUSED
    elif source_quantity is not None and source_quantity > rows:
        attention = Attention.QUANTITY
    return FINAL_STATES.get(status, UploadState.SENT), attention


def _fewer(quantity: int | None, rows: int) -> bool:
    return quantity is not None and quantity < rows


def next_poll(*, polls: int, now: datetime, every: timedelta) -> datetime:
    """Return when to poll again after ``polls`` polls; ``every`` is the shortest interval."""
    return now + every * POLL_STEPS[min(polls, len(POLL_STEPS) - 1)]


def absence_is_proven(
    *, lookups: int, sent_at: datetime, looked_up_at: datetime, grace: timedelta
) -> bool:
    """Whether Metrika certainly does not have the file: enough listings, one after the grace."""
    return lookups >= LOOKUPS_NEEDED and looked_up_at >= sent_at + grace


def lookup_spacing(grace: timedelta) -> timedelta:
    """Return the time between two lookups, such that the last one needed is after the grace."""
    return grace / LOOKUPS_NEEDED
