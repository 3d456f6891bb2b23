"""The next step after each answer of Metrika: pure functions, without database and clock."""

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

#: Of Metrika's refusals the one that means the file (https://yandex.com/dev/metrika/en/intro/errors).
FILE_REFUSED = "invalid_uploading"
TOO_LARGE_STATUS = 413


@dataclass(frozen=True)
class NextStep:
    """The next state of an upload after an attempt, and the other consequences."""

    state: UploadState
    not_before: datetime
    attention: Attention | None = None
    #: Whose quota is spent: all uploads in this scope are paused until `not_before`.
    pauses: QuotaScope | None = None
    token_rejected: bool = False


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
    if isinstance(error, QuotaExceeded):
        until = quota_ends(error, now=now, ahead=ahead, jitter=jitter)
        return NextStep(UploadState.LATER, until, pauses=quota_scope(error))
    if isinstance(error, TokenRejected):
        # Sent again at once only if the token can be renewed; see `results`.
        return NextStep(
            UploadState.LATER, now + _pause(error, attempts, jitter), token_rejected=True
        )
    if isinstance(error, AccessDenied | NotFound):
        # Nothing is sent until the counter is accessible; see `results.mark_counter_access`.
        return NextStep(UploadState.LATER, now)
    return _after_rejection(error, now) if isinstance(error, RequestRejected) else None


def _after_rejection(error: RequestRejected, now: datetime) -> NextStep:
    """A file refused for its content is bisected; any other rejection is a fault of ours."""
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
