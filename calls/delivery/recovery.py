"""Moves uploads that no regular step takes further: by a beat task, and by people's buttons."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q, QuerySet

from cabinets import audit
from calls.decision.redecide import decide_again, decide_for_settings
from calls.delivery import moves, redecision, transitions
from calls.delivery.rows import lock_rows, return_to_waiting
from calls.models import Upload, UploadAttempt
from calls.states import Attention, UploadState
from counters.models import Counter

#: Presses of one button within this time are one: each has read the clock by itself.
SAME_PRESS = timedelta(seconds=5)


def release_stuck(*, now: datetime) -> int:
    """Move uploads whose lease has run out to unclear: their file may have arrived or not."""
    stuck = Upload.objects.sending().filter(lease_until__lt=now)
    with transaction.atomic():
        ids = list(
            stuck.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
        )
        UploadAttempt.objects.filter(
            upload_id__in=ids, kind=UploadAttempt.Kind.SEND, ended_at=None
        ).update(ended_at=now, error_class="WorkerLost")
        return transitions.release_stuck(Upload.objects.filter(pk__in=ids))


def apply_counter_change(counter: Counter, *, now: datetime) -> None:
    """Apply a counter's change to its calls: decide again what waits, or cancel it on removal.

    Runs inside the transaction that changed the counter. Of many calls only the order is recorded
    here: `calls.delivery.redecision`. A counter that is switched off keeps what waits for it;
    nothing of it is sent until the counter is switched on again.
    """
    if counter.removed_at is not None:
        withdraw_uploads(Upload.objects.filter(counter=counter), now)
    if redecision.is_large(counter):
        redecision.request(counter, now=now)
        return
    redecision.forget(counter)
    if counter.removed_at is not None:
        redecision.withdraw(counter, now=now)
        return
    refused = redecision.refused_for_goal(counter)
    for upload in refused.select_for_update(no_key=True).order_by("pk"):
        redecision.return_refused(upload, now=now)
    if counter.enabled:
        decide_again(counter.pk, now=now)
    else:
        decide_for_settings(counter.pk, now=now)


def withdraw_uploads(uploads: QuerySet[Upload], now: datetime) -> int:
    """Cancel those of the uploads that have not arrived, because their counter was removed."""
    return transitions.cancel(uploads, Attention.COUNTER_REMOVED, now=now)


def retry_uploads(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Send uploads again that Metrika certainly refused as a whole; return how many.

    Uploads that Metrika may have are left alone: they can be looked up, not repeated.
    """
    return _move_and_audit(
        retryable(now).filter(pk__in=list(ids)),
        action="upload.retry",
        actor=actor,
        after={"state": UploadState.LATER, "attention": "", "not_before": now},
        move=lambda chosen: transitions.retry(chosen, now=now),
    )


def retryable(now: datetime) -> QuerySet[Upload]:
    """Return the uploads that `retry_uploads` sends again; what is due already gains nothing."""
    return Upload.objects.filter(moves.RETRY.condition).exclude(
        state=UploadState.LATER, not_before__lte=now + SAME_PRESS
    )


def gather_again(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Return the rows of uploads that Metrika certainly refused to waiting; return how many files.

    The rows are decided and batched again, with today's values: this helps when the file itself
    was the fault. A repeat that a person ordered has no rows in the ledger and is left alone.
    """
    refused = Upload.objects.filter(moves.GATHER_AGAIN.condition, resend=None, pk__in=list(ids))
    with transaction.atomic():
        chosen = list(refused.select_for_update(of=("self",), no_key=True))
        _move_and_audit(
            Upload.objects.filter(pk__in=[upload.pk for upload in chosen]),
            action="upload.gather_again",
            actor=actor,
            after={"state": UploadState.CANCELLED, "settled_at": now},
            move=lambda uploads: transitions.gather_again(uploads, now=now),
        )
        for upload in chosen:
            lock_rows(upload)
            return_to_waiting(upload, now=now)
    return len(chosen)


def call_off_uploads(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Cancel uploads that Metrika certainly does not have; return how many.

    An upload that is being sent, is unclear or is with Metrika is left alone.
    """
    return _move_and_audit(
        Upload.objects.filter(moves.CANCEL.condition, pk__in=list(ids)),
        action="upload.call_off",
        actor=actor,
        after={
            "state": UploadState.CANCELLED,
            "attention": Attention.CALLED_OFF,
            "settled_at": now,
        },
        move=lambda chosen: transitions.cancel(chosen, Attention.CALLED_OFF, now=now),
    )


def look_up_now(ids: Iterable[int], *, actor: User | None) -> int:
    """Look unclear uploads up at the next run instead of at their own time; return how many."""
    return _move_and_audit(
        # Without a time it is due already, as after another press of the same button.
        Upload.objects.unclear().filter(pk__in=list(ids), looked_up_at__isnull=False),
        action="upload.look_up",
        actor=actor,
        after={"looked_up_at": None},
        move=lambda chosen: chosen.update(looked_up_at=None),
    )


def poll_now(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Poll sent uploads at the next run instead of at their own time; return how many."""
    return _move_and_audit(
        Upload.objects.sent().filter(
            Q(next_poll_at=None) | Q(next_poll_at__gt=now + SAME_PRESS), pk__in=list(ids)
        ),
        action="upload.poll",
        actor=actor,
        after={"next_poll_at": now},
        move=lambda chosen: chosen.update(next_poll_at=now),
    )


def _move_and_audit(
    uploads: QuerySet[Upload],
    *,
    action: str,
    actor: User | None,
    after: dict[str, Any],
    move: Callable[[QuerySet[Upload]], int],
) -> int:
    """Lock the uploads, write the audit trail with the new values ``after``, and move them."""
    with transaction.atomic():
        chosen = list(
            uploads.select_related("cabinet").select_for_update(of=("self",), no_key=True)
        )
        audit.log_changes(
            audit.new_event(
                upload.cabinet,
                actor,
                action,
                upload,
                before={"state": upload.state, "attention": upload.attention},
                after={name: str(value) for name, value in after.items()},
            )
            for upload in chosen
        )
        return move(Upload.objects.filter(pk__in=[one.pk for one in chosen]))
