"""Takes ordered actions further: each step is a short transaction with the position after it."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from calls.bulk.actions import ACTIONS, MAX_ROWS, condition_of
from calls.bulk.orders import end
from calls.bulk.selection import selection_of
from calls.delivery.hold_many import Key
from calls.models import BulkAction, BulkKind, BulkState
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint

logger = logging.getLogger(__name__)


def run_due(*, seconds: float) -> int:
    """Go on with all actions, a step of each in turn, for about so many ``seconds``.

    Return the number of steps.
    """
    deadline, steps = time.monotonic() + seconds, 0
    while True:
        made = 0
        running = BulkAction.objects.filter(state=BulkState.RUNNING).order_by("requested_at")
        for action_id in shutdown.until_requested(list(running.values_list("pk", flat=True))):
            with isolated_errors(logger, "bulk action %s", action_id):
                made += step(action_id, now=timezone.now())
                failpoint("after_bulk_step")
            if time.monotonic() >= deadline:
                return steps + made
        steps += made
        if not made:
            return steps


def run_at_once(action: BulkAction, *, seconds: float) -> None:
    """Take a new action further in the request that ordered it, for about so many ``seconds``."""
    deadline = time.monotonic() + seconds
    while step(action.pk, now=timezone.now()) and time.monotonic() < deadline:
        pass


@transaction.atomic
def step(action_id: int, *, now: datetime) -> bool:
    """Make one step; False when there is none to make, or another process makes one."""
    locked = BulkAction.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    running = locked.filter(pk=action_id, state=BulkState.RUNNING)
    action = running.select_related("counter", "cabinet", "requested_by", "undoes").first()
    if action is None:
        return False
    keys = _next_keys(action, now) if action.counter.removed_at is None else []
    if not keys:
        end(action, BulkState.DONE, actor=action.requested_by, now=now)
        return False
    action.changed += ACTIONS[BulkKind(action.kind)].change(action, keys, now)
    action.done += len(keys)
    action.reached_call, action.reached_at, action.reached_channel = keys[-1]
    action.save(update_fields=["changed", "done", "reached_call", "reached_at", "reached_channel"])
    failpoint("before_bulk_commit")
    return True


def _next_keys(action: BulkAction, now: datetime) -> list[Key]:
    most = min(ACTIONS[BulkKind(action.kind)].step, MAX_ROWS - action.done)
    if most <= 0:
        return []
    return selection_of(action).keys(condition_of(action, now), after=_reached(action), most=most)


def _reached(action: BulkAction) -> Key | None:
    if action.reached_at is None or action.reached_call is None or action.reached_channel is None:
        return None
    return action.reached_call, action.reached_at, action.reached_channel
