"""Records Metrika's answer about an upload in one short transaction, then its consequences: a pause
of the login or counter whose quota is spent, the state of an account or counter that was refused.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F

from calls.delivery import moves, transitions
from calls.delivery.error_owners import owner_of_error
from calls.delivery.policy import (
    NextStep,
    after_failure,
    after_repeated_rejection,
    after_status,
    next_poll,
)
from calls.delivery.token_errors import handle_token_rejection, mark_missing_scope
from calls.models import Upload, UploadAttempt
from calls.runtime.failpoints import failpoint
from calls.states import Attention
from counters import stops
from counters.models import Counter
from integrations.limits import clock_skew, pauses
from integrations.yandex.errors import YandexError
from integrations.yandex.records import Uploading

logger = logging.getLogger(__name__)


def record_taken(
    upload: Upload, uploading: Uploading, *, now: datetime, is_looked_up: bool = False
) -> bool:
    """Record that Metrika has the file: one row decides what all its calls show.

    Also called when a lookup finds the file of an unclear upload. An answer that comes after its
    absence was proven still counts, as long as nothing was sent again. ``is_looked_up``: the file
    of an upload that was held not to have arrived was found in a list, which its attempts tell.
    Returns False, and changes nothing, when another worker has moved the upload on.
    """
    state, attention = after_status(
        uploading.status,
        source_quantity=uploading.source_quantity,
        line_quantity=uploading.line_quantity,
        rows=upload.rows,
    )
    poll_at = next_poll(polls=0, now=now, every=timedelta(seconds=settings.POLL_SECONDS))
    with transaction.atomic():
        recorded = transitions.take(
            Upload.objects.filter(pk=upload.pk, attempts=upload.attempts),
            state,
            attention=attention,
            uploading_id=uploading.uploading_id,
            now=now,
            next_poll_at=poll_at,
            sent_at=uploading.create_time or now,
            quantities=quantities(uploading),
            move=moves.TAKE_FOUND if is_looked_up else moves.TAKE,
        )
        if not recorded:
            return False
        close_attempt(upload, now=now, http_status=200)
        if is_looked_up:
            log_lookup(upload, "FoundInList", now)
        Counter.objects.filter(pk=upload.counter_id).update(last_synced_at=now, refused_uploads=0)
        failpoint("before_record_commit")
    return True


def quantities(uploading: Uploading) -> dict[str, int | str | None]:
    """Return Metrika's counts and status as the upload's columns; the status as it came."""
    return {
        "metrika_status": uploading.status[:40],
        "source_quantity": uploading.source_quantity,
        "line_quantity": uploading.line_quantity,
        "static_quantity": uploading.static_quantity,
        "dynamic_quantity": uploading.dynamic_quantity,
        "linked_quantity": uploading.linked_quantity,
        "user_not_found_quantity": uploading.user_not_found_quantity,
    }


def record_failure(upload: Upload, error: YandexError, *, now: datetime) -> bool:
    """Record a failed attempt and apply what follows from it; False when the upload moved on."""
    step = after_failure(error, attempts=upload.attempts, now=now, ahead=clock_skew.ahead())
    with transaction.atomic():
        if _is_rejected_repeatedly(upload):
            step = after_repeated_rejection(step, now)
        recorded = transitions.fail(
            Upload.objects.filter(pk=upload.pk, attempts=upload.attempts),
            step.state,
            not_before=step.not_before,
            attention=step.attention,
        )
        close_attempt(upload, now=now, error=error)
        if recorded:
            _record_on_counter(upload, step, now)
        failpoint("before_failure_commit")
    logger.warning("upload %s: %s, now %s", upload.marker, error, step.state)
    if recorded:
        _apply_consequences(upload, error, step, now)
    return recorded


def _is_rejected_repeatedly(upload: Upload) -> bool:
    """Whether a person already has a rejected file of this list since Metrika took the last one."""
    of_list = Upload.objects.of_list(upload.counter_id, upload.channel).exclude(pk=upload.pk)
    rejected = of_list.needs_attention().filter(attention=Attention.REJECTED, uploading_id=None)
    taken_at = Counter.objects.values_list("last_synced_at", flat=True).get(pk=upload.counter_id)
    return (rejected.filter(sent_at__gt=taken_at) if taken_at else rejected).exists()


def _record_on_counter(upload: Upload, step: NextStep, now: datetime) -> None:
    """Record a cause of the counter in the transaction of the upload's move: both or neither."""
    if step.stops is not None:
        stops.stop(upload.counter_id, step.stops, now=now)
    if step.access is not None:
        _lose_access(upload.counter_id, step.access, now)


def _apply_consequences(upload: Upload, error: YandexError, step: NextStep, now: datetime) -> None:
    account = upload.counter.account
    if step.pauses is not None:
        key = pauses.pause_key(step.pauses, account.yandex_uid, upload.counter.number)
        pauses.pause(key, until=step.not_before, reason=error.error_type or "quota")
    if step.token_rejected and handle_token_rejection(account):
        waiting = Upload.objects.later().filter(pk=upload.pk, attempts=upload.attempts)
        waiting.update(not_before=now)
    if step.access == Counter.Access.LOST:
        mark_missing_scope(account)
        Counter.objects.filter(pk=upload.counter_id).update(
            refused_uploads=F("refused_uploads") + 1
        )


def mark_counter_access(counter_id: int, error: YandexError, *, now: datetime) -> None:
    """Record on the counter that access was refused; its hourly refresh records its return."""
    access = owner_of_error(error).access
    if access is not None:
        _lose_access(counter_id, access, now)


def _lose_access(counter_id: int, access: str, now: datetime) -> None:
    Counter.objects.filter(pk=counter_id, access=Counter.Access.OK).update(
        access=access, access_changed_at=now
    )


def close_attempt(
    upload: Upload,
    *,
    now: datetime,
    http_status: int | None = None,
    error: YandexError | None = None,
) -> None:
    """End the open attempt with Metrika's answer. ``error.excerpt`` is already masked."""
    UploadAttempt.objects.filter(
        upload=upload, number=upload.attempts, kind=UploadAttempt.Kind.SEND, ended_at=None
    ).update(
        ended_at=now,
        http_status=error.http_status if error else http_status,
        error_class=type(error).__name__ if error else "",
        error_type=error.error_type if error else "",
        excerpt=error.excerpt[:500] if error else "",
    )


def log_lookup(upload: Upload, result: str, now: datetime) -> None:
    """Add what a list showed to the attempts; ``result`` is a key of `attempt_messages`."""
    UploadAttempt.objects.create(
        upload=upload,
        kind=UploadAttempt.Kind.LOOKUP,
        number=upload.tries.filter(kind=UploadAttempt.Kind.LOOKUP).count() + 1,
        started_at=now,
        ended_at=now,
        http_status=200,
        error_class=result,
    )
