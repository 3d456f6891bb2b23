"""Puts right what got stuck: for the clock, and for people. Both use the same moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import QuerySet

from cabinets import audit
from calls.decision.decide import decide_again
from calls.delivery import transitions
from calls.delivery.bisection import give_back, lock_rows
from calls.models import Upload, UploadAttempt
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter


def release_stuck(*, now: datetime) -> int:
    """Call the uploads of silent workers unclear: nobody knows whether their file arrived."""
    stuck = Upload.objects.filter(state=UploadState.SENDING, lease_until__lt=now)
    with transaction.atomic():
        ids = list(
            stuck.select_for_update(skip_locked=True, no_key=True).values_list("pk", flat=True)
        )
        UploadAttempt.objects.filter(
            upload_id__in=ids, kind=UploadAttempt.Kind.SEND, ended_at=None
        ).update(ended_at=now, error_class="WorkerLost")
        return transitions.release_stuck(Upload.objects.filter(pk__in=ids))


def apply_counter_change(counter: Counter, *, now: datetime) -> None:
    """Follow a change of a counter: decide again what waits, or let it go with the counter.

    Runs inside the transaction that changed the counter. A counter that is switched off keeps
    what waits for it; nothing of it is sent until it is switched on again.
    """
    if counter.removed_at is not None:
        _withdraw(counter, now)
    else:
        _take_from_lost_goal(counter, now)
        if counter.enabled:
            decide_again(counter.pk, now=now)


def _withdraw(counter: Counter, now: datetime) -> None:
    move_waiting(
        "counter_id = %(counter)s",
        {"counter": counter.pk},
        to="state = %(skipped)s, reason = 'counter_removed', decided_at = %(now)s",
        values={"skipped": DeliveryState.SKIPPED, "now": now},
    )
    withdraw_uploads(Upload.objects.filter(counter=counter), now)


def withdraw_uploads(uploads: QuerySet[Upload], now: datetime) -> int:
    """Call off those of the uploads that have not arrived: their counter left the cabinet."""
    return transitions.cancel(uploads, Attention.COUNTER_REMOVED, now=now)


def move_waiting(which: str, parameters: dict[str, Any], *, to: str, values: dict[str, Any]) -> int:
    """Change waiting rows of the ledger, locked in the order in which `decision` locks them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH locked AS ("
            " SELECT call_id, counter_id, channel, partition_at FROM calls_delivery"
            f" WHERE state = {DeliveryState.WAITING} AND {which}"
            " ORDER BY call_id, counter_id, channel FOR UPDATE)"
            f" UPDATE calls_delivery d SET {to} FROM locked"
            " WHERE d.call_id = locked.call_id AND d.counter_id = locked.counter_id"
            " AND d.channel = locked.channel AND d.partition_at = locked.partition_at",
            parameters | values,
        )
        return int(cursor.rowcount)


def _take_from_lost_goal(counter: Counter, now: datetime) -> None:
    """Let conversions that were refused with a goal that is gone follow the goal chosen now."""
    if counter.goal is not None and counter.goal.deleted_at is not None:
        return
    stranded = Upload.objects.select_for_update(no_key=True).filter(
        counter=counter, state=UploadState.NEEDS_ATTENTION, attention=Attention.GOAL_GONE
    )
    for upload in stranded.order_by("pk"):
        lock_rows(upload)
        give_back(upload, now=now)
        transitions.gather_again(Upload.objects.filter(pk=upload.pk), now=now)


def retry_uploads(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Send again uploads that Metrika certainly refused as a whole; return how many will go.

    Anything Metrika may hold is left alone: it can be looked up, not repeated.
    """
    return _move(
        Upload.objects.filter(transitions.RETRY.condition, pk__in=list(ids)),
        action="upload.retry",
        actor=actor,
        trace={"state": UploadState.LATER, "attention": "", "not_before": now},
        move=lambda chosen: transitions.retry(chosen, now=now),
    )


def gather_again(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Let the rows of uploads that Metrika certainly refused wait again; return how many uploads.

    They are decided and gathered anew, with today's values: what helps when the file itself was at
    fault. A repeat that a person ordered has no rows of the ledger and is left alone.
    """
    wanted = Upload.objects.filter(
        transitions.GATHER_AGAIN.condition, resend=None, pk__in=list(ids)
    )
    with transaction.atomic():
        chosen = list(wanted.select_for_update(of=("self",), no_key=True))
        mine = Upload.objects.filter(pk__in=[upload.pk for upload in chosen])
        _move(
            mine,
            action="upload.gather_again",
            actor=actor,
            trace={"state": UploadState.CANCELLED, "settled_at": now},
            move=lambda uploads: transitions.gather_again(uploads, now=now),
        )
        for upload in chosen:
            lock_rows(upload)
            give_back(upload, now=now)
    return len(chosen)


def call_off_uploads(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Do not send what Metrika certainly does not have; return how many were called off.

    An upload that is being sent, is unclear or is with Metrika is left alone.
    """
    return _move(
        Upload.objects.filter(transitions.CANCEL.condition, pk__in=list(ids)),
        action="upload.call_off",
        actor=actor,
        trace={
            "state": UploadState.CANCELLED,
            "attention": Attention.CALLED_OFF,
            "settled_at": now,
        },
        move=lambda chosen: transitions.cancel(chosen, Attention.CALLED_OFF, now=now),
    )


def look_up_now(ids: Iterable[int], *, actor: User | None) -> int:
    """Let unclear uploads be looked up at the next tick instead of at their own time."""
    return _move(
        Upload.objects.filter(pk__in=list(ids), state=UploadState.UNCLEAR),
        action="upload.look_up",
        actor=actor,
        trace={"looked_up_at": None},
        move=lambda chosen: chosen.update(looked_up_at=None),
    )


def poll_now(ids: Iterable[int], *, actor: User | None, now: datetime) -> int:
    """Ask Metrika about sent uploads at the next tick."""
    return _move(
        Upload.objects.filter(pk__in=list(ids), state=UploadState.SENT),
        action="upload.poll",
        actor=actor,
        trace={"next_poll_at": now},
        move=lambda chosen: chosen.update(next_poll_at=now),
    )


def _move(
    uploads: QuerySet[Upload],
    *,
    action: str,
    actor: User | None,
    trace: dict[str, Any],
    move: Callable[[QuerySet[Upload]], int],
) -> int:
    """Make a person's move with the uploads that still allow it; `trace` is what the audit says."""
    with transaction.atomic():
        chosen = list(
            uploads.select_related("cabinet").select_for_update(of=("self",), no_key=True)
        )
        for upload in chosen:
            audit.log_change(
                cabinet=upload.cabinet,
                actor=actor,
                action=action,
                subject=upload,
                before={"state": upload.state, "attention": upload.attention},
                after={name: str(value) for name, value in trace.items()},
            )
        return move(Upload.objects.filter(pk__in=[one.pk for one in chosen]))
