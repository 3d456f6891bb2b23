"""The table of actions: which rows each can change, and how a step of rows is changed.

The changes are those of the buttons on the pages of a call and of an upload.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.db.models.expressions import RawSQL

from calls.bulk.selection import selection_of
from calls.decision.ordered import FILTERED, WAIVED
from calls.delivery import hold_many, recovery
from calls.delivery.hold import called_off_rows, held_rows
from calls.delivery.hold_many import Key
from calls.delivery.send_orders import order_sending
from calls.models import BulkAction, BulkKind
from calls.states import CALL_NOT_FINISHED, TRIAL_CALL, DeliveryState

#: Rows of a step; those that are decided again take longer, and are locked meanwhile.
STEP, STEP_OF_DECISION = 2_000, 1_000
#: Rows that an action goes through at most.
MAX_ROWS = 100_000
#: Reasons that an order for many calls waives. A trial call is sent by an order for it alone, and a
#: call without its outcome sends itself when it is finished.
SENDABLE = tuple(code for code in WAIVED if code not in (TRIAL_CALL, CALL_NOT_FINISHED))


@dataclass(frozen=True)
class Action:
    """One kind. ``rows``: the condition of rows that it can change, given the moment that is the
    mark of the action (`calls.delivery.hold_many`; of an undo that of the undone one) and now.
    """

    rows: Callable[[datetime, datetime], Q]
    change: Callable[[BulkAction, Sequence[Key], datetime], int]
    step: int = STEP
    undo: BulkKind | None = None
    #: Whether calls are counted, of which both channels are changed, and not rows.
    of_calls: bool = False


def condition_of(action: BulkAction, now: datetime) -> Q:
    """Return the condition of the rows that the action can change now."""
    return ACTIONS[BulkKind(action.kind)].rows(mark_of(action), now)


def mark_of(action: BulkAction) -> datetime:
    """Return the moment that tells the rows of the action from others."""
    return (action.undoes or action).requested_at


def _release(action: BulkAction, keys: Sequence[Key], now: datetime) -> int:
    return hold_many.release_many(action.counter, keys, mark=mark_of(action), now=now)


def _call_off(action: BulkAction, keys: Sequence[Key], now: datetime) -> int:
    return hold_many.call_off_many(action.counter, keys, mark=mark_of(action), now=now)


def _restore(action: BulkAction, keys: Sequence[Key], now: datetime) -> int:
    condition = condition_of(action, now)
    return hold_many.restore_many(action.counter, keys, condition=condition, now=now)


def _hold_again(action: BulkAction, keys: Sequence[Key], now: datetime) -> int:
    return hold_many.hold_again_many(action.counter, keys, mark=mark_of(action), now=now)


def _retry_rows(_mark: datetime, now: datetime) -> Q:
    files = recovery.retryable(now)
    return Q(state=DeliveryState.BATCHED, upload_id__in=files.values("pk"))


def _retry(action: BulkAction, keys: Sequence[Key], now: datetime) -> int:
    """Retry the files of the rows; return how many rows of the filter they hold."""
    rows = selection_of(action).rows(condition_of(action, now))
    ids = rows.filter(
        call_id__in=RawSQL("SELECT unnest(%s::bigint[])", [[call for call, _at, _channel in keys]]),
        partition_at__range=(min(key[1] for key in keys), max(key[1] for key in keys)),
    )
    found = set(ids.order_by().values_list("upload_id", flat=True).distinct())
    files = recovery.retryable(now).filter(pk__in=found).order_by("pk")
    chosen = list(files.select_for_update(of=("self",), no_key=True).values_list("pk", flat=True))
    changed = rows.filter(upload_id__in=chosen).count()
    recovery.retry_uploads(chosen, actor=action.requested_by, now=now)
    return changed


def _skipped_rows(_mark: datetime, now: datetime) -> Q:
    return Q(state=DeliveryState.SKIPPED, reason__in=SENDABLE, expires_at__gt=now)


def _send(action: BulkAction, keys: Sequence[Key], now: datetime) -> int:
    calls = list(dict.fromkeys(call for call, _at, _channel in keys))
    counts = order_sending(
        action.counter, calls, actor=action.requested_by, now=now, terms=FILTERED
    )
    return counts.sent


ACTIONS: dict[BulkKind, Action] = {
    BulkKind.RELEASE: Action(
        lambda _mark, now: held_rows(now), _release, undo=BulkKind.UNDO_RELEASE
    ),
    BulkKind.CALL_OFF: Action(
        lambda _mark, now: hold_many.waiting_rows(now), _call_off, undo=BulkKind.UNDO_CALL_OFF
    ),
    BulkKind.RESTORE: Action(lambda _mark, now: called_off_rows(now), _restore),
    BulkKind.RETRY: Action(_retry_rows, _retry),
    BulkKind.SEND: Action(_skipped_rows, _send, step=STEP_OF_DECISION, of_calls=True),
    BulkKind.UNDO_RELEASE: Action(hold_many.released_rows, _hold_again),
    BulkKind.UNDO_CALL_OFF: Action(hold_many.marked_called_off_rows, _restore),
}
