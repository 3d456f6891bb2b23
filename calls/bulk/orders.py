"""What a person orders: an action on the rows of a filter, its end before the end, its undoing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Q

from cabinets import audit
from calls.bulk.actions import ACTIONS, MAX_ROWS, condition_of
from calls.bulk.selection import Selection, frozen
from calls.decision.ordered import FILTERED
from calls.delivery.send_orders import MAX_CALLS, SendCounts, preview_sending
from calls.models import BulkAction, BulkKind, BulkState
from counters.models import Counter

_TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Counted:
    """Rows and calls that an action would change now; ``is_more``: there are further ones."""

    rows: int
    calls: int
    is_more: bool = False


def count(kind: BulkKind, selection: Selection, *, now: datetime) -> Counted:
    """Count what the action would change, MAX_ROWS at most."""
    return _count(selection, ACTIONS[kind].rows(now, now))


def count_shown(selection: Selection) -> Counted:
    """Count what the filter shows, MAX_ROWS rows at most."""
    return _count(selection, Q())


def preview_sending_of(selection: Selection, *, now: datetime) -> SendCounts | None:
    """Return what SEND would do with the rows, by call; None when they are too many to judge."""
    rows = selection.rows(ACTIONS[BulkKind.SEND].rows(now, now)).order_by()
    calls = list(rows.values_list("call_id", flat=True).distinct()[: MAX_CALLS + 1])
    if len(calls) > MAX_CALLS:
        return None
    return preview_sending(selection.counter, calls, now=now, terms=FILTERED)


def _count(selection: Selection, condition: Q) -> Counted:
    rows = selection.rows(condition).order_by().values("call_id")
    found = rows[: MAX_ROWS + 1].aggregate(
        rows=Count("call_id"), calls=Count("call_id", distinct=True)
    )
    is_more = found["rows"] > MAX_ROWS
    return Counted(min(found["rows"], MAX_ROWS), found["calls"] - is_more, is_more)


@transaction.atomic
def order(
    kind: BulkKind, selection: Selection, *, token: UUID, actor: User, now: datetime
) -> BulkAction:
    """Order an action on the rows of the filter; the same form orders it once."""
    # Before the lock, for which files of the counter would wait meanwhile.
    counted = count(kind, selection, now=now)
    counter = _locked(selection.counter)
    earlier = BulkAction.objects.filter(cabinet_id=counter.cabinet_id, token=token).first()
    if earlier is not None:
        return earlier
    action = BulkAction(
        kind=kind, token=token, filters=frozen(selection), last_call=selection.last_call
    )
    action.total = counted.calls if ACTIONS[kind].of_calls else counted.rows
    return _create(action, counter, actor, now)


@transaction.atomic
def undo(action: BulkAction, *, actor: User, now: datetime) -> BulkAction | None:
    """Order the opposite for the rows that the action changed; None if it has none, or runs.

    A second press returns what the first has ordered.
    """
    # The action before its counter, as a step of it that is being made (`calls.bulk.run`).
    locked = BulkAction.objects.select_for_update(of=("self",)).get(pk=action.pk)
    kind = ACTIONS[BulkKind(locked.kind)].undo
    if kind is None or locked.is_running or not locked.changed:
        return None
    earlier = BulkAction.objects.filter(undoes=locked).first()
    if earlier is not None:
        return earlier
    opposite = BulkAction(kind=kind, token=uuid4(), undoes=locked)
    opposite.last_call = locked.last_call
    selection = Selection(action.counter, None, now, locked.last_call, "UTC")
    opposite.total = _count(selection, condition_of(opposite, now)).rows
    return _create(opposite, _locked(action.counter), actor, now)


@transaction.atomic
def stop(action: BulkAction, *, actor: User, now: datetime) -> bool:
    """End the action where it is: what is changed stays so; False if it has ended already."""
    locked = BulkAction.objects.select_for_update(of=("self",)).get(pk=action.pk)
    if not locked.is_running:
        return False
    end(locked, BulkState.STOPPED, actor=actor, now=now)
    return True


def end(action: BulkAction, state: BulkState, *, actor: User | None, now: datetime) -> None:
    """Write the end of an action. Runs in a transaction that holds its row."""
    action.state, action.finished_at = state, now
    action.save(update_fields=["state", "finished_at"])
    after = {"kind": action.kind, "state": str(state), "changed": action.changed}
    _log(action, actor, "bulk.ended", after | {"total": action.total})


def _locked(counter: Counter) -> Counter:
    """Lock the counter, so that its orders come one after the other."""
    return Counter.objects.select_for_update(of=("self",), no_key=True).get(pk=counter.pk)


def _create(action: BulkAction, counter: Counter, actor: User, now: datetime) -> BulkAction:
    action.cabinet_id, action.counter = counter.cabinet_id, counter
    action.requested_by, action.requested_at = actor, _unused_moment(counter, now)
    action.save()
    filters = action.filters.get("filters", {})
    shown = {name: value for name, value in filters.items() if name != "call_ids"}
    after: dict[str, Any] = {"kind": action.kind, "total": action.total, "filters": shown}
    if action.undoes_id:
        after["undoes"] = action.undoes_id
    _log(action, actor, "bulk.ordered", after)
    return action


def _unused_moment(counter: Counter, now: datetime) -> datetime:
    """Return now, or the first moment after those of the counter's other actions."""
    last = BulkAction.objects.filter(counter=counter, requested_at__gte=now)
    latest = last.order_by("-requested_at").values_list("requested_at", flat=True).first()
    return latest + _TICK if latest else now


def _log(action: BulkAction, actor: User | None, what: str, after: dict[str, Any]) -> None:
    audit.log_change(
        cabinet=action.cabinet,
        actor=actor,
        action=what,
        subject=action,
        after=after | {"counter": action.counter_id},
    )
