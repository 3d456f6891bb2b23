"""What follows from what Metrika answered: pure functions, no database, no clock of their own."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from calls.states import Attention, UploadState
from integrations.limits.quota_reset import (
    Jitter,
    QuotaScope,
    capped_retry_after,
    quota_ends,
    quota_scope,
)
from integrations.yandex.errors import (
    AccessDenied,
    NotFound,
    QuotaExceeded,
    RequestRejected,
    TokenRejected,
    YandexError,
)
from integrations.yandex.records import LINKAGE_FAILURE, PROCESSED

#: Network trouble and 5xx before anything could arrive: full jitter over 30 s · 2ⁿ up to an hour.
BACKOFF_FIRST = timedelta(seconds=30)
BACKOFF_CAP = timedelta(hours=1)
#: Absence is proven by this many listings, the last one after the grace time.
LOOKUPS_NEEDED = 3
#: Metrika promises two hours and has been seen to take a day; after two days a person is told.
OVERDUE_AFTER = timedelta(hours=48)
#: Then it is asked once a day, and no longer than visits can be linked.
OVERDUE_POLL = timedelta(days=1)
NO_OUTCOME_AFTER = timedelta(days=21)
#: Polls of one upload, as multiples of POLL_SECONDS: 10, 30, 60, 120 minutes, then every two hours.
POLL_STEPS: Sequence[int] = (1, 2, 3, 6, 12)
#: Any other status means: still at work.
FINAL_STATES = {
    PROCESSED: UploadState.PROCESSED,
    LINKAGE_FAILURE: UploadState.LINKAGE_FAILURE,
}

#: Of Metrika's refusals the one that means the file (https://yandex.com/dev/metrika/en/intro/errors).
FILE_REFUSED = "invalid_uploading"
TOO_LARGE_STATUS = 413


@dataclass(frozen=True)
class NextStep:
    """Where an upload goes after a try, and who else is concerned."""

    state: UploadState
    not_before: datetime
    attention: Attention | None = None
    #: Those whose quota is spent; they all wait as long, and nobody need find out again.
    pauses: QuotaScope | None = None
    token_rejected: bool = False


def backoff(attempts: int, jitter: Jitter = random.random) -> timedelta:
    """Return the pause before the next try after ``attempts`` tries."""
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

    What may have arrived is never repeated or split from here: it becomes unclear and is looked up
    first, whatever else the answer says. ``ahead`` is by how much Metrika's clock is ahead of ours.
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
    if isinstance(error, QuotaExceeded):
        until = quota_ends(error, now=now, ahead=ahead, jitter=jitter)
        return NextStep(UploadState.LATER, until, pauses=quota_scope(error))
    if isinstance(error, TokenRejected):
        # At once again only when the token turns out to be renewed; see `uploading`.
        return NextStep(
            UploadState.LATER, now + _pause(error, attempts, jitter), token_rejected=True
        )
    if isinstance(error, AccessDenied | NotFound):
        # Nothing is sent while the counter says so; see `recording.mark_counter_access`.
        return NextStep(UploadState.LATER, now)
    return _after_rejection(error, now) if isinstance(error, RequestRejected) else None


def _after_rejection(error: RequestRejected, now: datetime) -> NextStep:
    """A file refused for its content is searched for the bad row; anything else is our mistake."""
    if error.http_status == TOO_LARGE_STATUS:
        return NextStep(UploadState.SPLITTING, now, attention=Attention.TOO_LARGE)
    if error.error_type == FILE_REFUSED:
        return NextStep(UploadState.SPLITTING, now, attention=Attention.SPLIT)
    return NextStep(UploadState.NEEDS_ATTENTION, now, attention=Attention.REJECTED)


def _pause(error: YandexError, attempts: int, jitter: Jitter) -> timedelta:
    return max(capped_retry_after(error.retry_after), backoff(attempts, jitter))


def after_status(
    status: str, *, source_quantity: int | None, line_quantity: int | None, rows: int
) -> tuple[UploadState, Attention | None]:
    """Translate Metrika's status and counts. An unknown status means: still at work.

    ``LINKAGE_FAILURE`` is final and no failure of ours: not one identifier was matched, and a
    file of static calls always ends so while its calls are in the reports.
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
    """Return when to ask again after ``polls`` questions."""
    return now + every * POLL_STEPS[min(polls, len(POLL_STEPS) - 1)]


def absence_is_proven(
    *, lookups: int, sent_at: datetime, looked_up_at: datetime, grace: timedelta
) -> bool:
    """Whether an unclear upload was certainly not taken: enough listings, the last late enough."""
    return lookups >= LOOKUPS_NEEDED and looked_up_at >= sent_at + grace


def lookup_spacing(grace: timedelta) -> timedelta:
    """Return the pause between two lookups, so that the last needed one falls after the grace."""
    return grace / LOOKUPS_NEEDED
