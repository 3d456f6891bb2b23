"""Sends past calls of some counters, by days, because a person ordered it: counted first.

What is counted and what is done is one SQL (`calls.decision.ordered`): the settings of today
decide, only what was never sent goes. A step judges up to `STEP` calls for one counter, from the
newest to the oldest, and stores how far it came in the same transaction: a process that dies leaves
a shorter way to the next one, and nothing goes twice. Calls of today are not delayed: what is put
into the queue here is older, and files take the newest calls first (`calls.delivery.batching`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from cabinets import audit
from cabinets.models import Cabinet
from calls.decision import ordered
from calls.decision.horizon import LINK_HORIZON
from calls.decision.ordered import BY_DAYS, Asked
from calls.delivery.send_orders import SendCounts
from calls.models import Backfill, BackfillCounter, BackfillState
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from counters import lifecycle
from counters.models import Counter

logger = logging.getLogger(__name__)

MAX_DAYS = LINK_HORIZON.days
#: So many calls are judged in one transaction, under the counter's lock.
STEP = 1_000
#: partition_at is the first known start of a call; a corrected start may differ by a day.
_SLACK = timedelta(days=1)

State = BackfillState

_OF_DAYS = """
FROM calls_call
WHERE cabinet_id = %(cabinet)s AND started_at > %(since)s AND started_at <= %(until)s
  AND partition_at > %(first)s AND partition_at <= %(last)s"""
_COUNT = f"SELECT count(*) {_OF_DAYS}"
# The pair alone is no bound of the index call_by_cabinet with its first column.
_NEXT = f"""
SELECT id, started_at {_OF_DAYS}
  AND started_at <= %(reached_at)s AND (started_at, id) < (%(reached_at)s, %(reached_call)s)
ORDER BY started_at DESC, id DESC LIMIT %(step)s"""


def request(
    cabinet: Cabinet, counters: Sequence[Counter], *, days: int, actor: User | None, now: datetime
) -> tuple[Backfill, bool]:
    """Have the calls of the last days counted for these counters of the cabinet; nothing is sent.

    Return the backfill, and whether it is new: while one of the cabinet is being sent there is no
    other. One that was counted and not started is dropped. ``days`` is 1 to MAX_DAYS.
    """
    if not 1 <= days <= MAX_DAYS or any(one.cabinet_id != cabinet.pk for one in counters):
        raise ValueError("no such days or counters")
    try:
        with transaction.atomic():
            idle = Backfill.objects.filter(
                cabinet=cabinet, state__in=(State.COUNTING, State.COUNTED)
            )
            idle.update(state=State.DROPPED, finished_at=now)
            new = Backfill.objects.create(
                cabinet=cabinet,
                requested_by=actor,
                requested_at=now,
                since=now - timedelta(days=days),
                until=now,
                state=State.COUNTING,
            )
            BackfillCounter.objects.bulk_create(
                BackfillCounter(backfill=new, counter=one) for one in counters
            )
    except IntegrityError:
        return Backfill.objects.open().filter(cabinet=cabinet).latest("pk"), False
    return new, True


@transaction.atomic
def start(backfill: Backfill, *, actor: User | None, now: datetime) -> bool:
    """Send what was counted; False when it is not waiting for that any more."""
    counted = Backfill.objects.filter(pk=backfill.pk, state=State.COUNTED)
    if not counted.update(state=State.SENDING, started_at=now):
        return False
    backfill.counters.update(reached_at=None, reached_call=None, is_over=False)
    _log(backfill, actor, "backfill.started", {"expected": _sum(backfill, "expected").outcomes})
    return True


@transaction.atomic
def stop(backfill: Backfill, *, actor: User | None, now: datetime) -> bool:
    """End it where it is; False when it has ended. What was put into the queue is sent."""
    locked = Backfill.objects.select_for_update(no_key=True).get(pk=backfill.pk)
    if not locked.is_open:
        return False
    was_sending = locked.state == State.SENDING
    locked.state = State.STOPPED if was_sending else State.DROPPED
    locked.finished_at = now
    locked.save(update_fields=["state", "finished_at"])
    if was_sending:
        _log(locked, actor, "backfill.stopped", _outcome(locked))
    return True


def run(*, seconds: float) -> int:
    """Go on with all backfills, in turn, for about so many seconds; return the steps made."""
    deadline = time.monotonic() + seconds
    steps = 0
    while True:
        made = 0
        waiting = Backfill.objects.worked().order_by(F("moved_at").asc(nulls_first=True), "pk")
        for pk in shutdown.until_requested(list(waiting.values_list("pk", flat=True))):
            with isolated_errors(logger, "backfill %s", pk):
                made += step(pk, now=timezone.now())
            if time.monotonic() >= deadline:
                return steps + made
        steps += made
        if not made:
            return steps


def run_one(pk: int, *, seconds: float) -> None:
    """Go on with one backfill, for a person who waits for the page."""
    deadline = time.monotonic() + seconds
    while step(pk, now=timezone.now()) and time.monotonic() < deadline:
        pass


def step(pk: int, *, now: datetime) -> bool:
    """Make one step; False when there is none to make, or another process makes one."""
    is_made = _step(pk, now)
    failpoint("after_backfill_step")
    return is_made


@transaction.atomic
def _step(pk: int, now: datetime) -> bool:
    one = Backfill.objects.select_for_update(skip_locked=True, no_key=True).filter(pk=pk).first()
    if one is None or not one.is_worked:
        return False
    if one.calls is None:
        one.calls = _rows(_COUNT, _bounds(one))[0][0]
    part = one.counters.filter(is_over=False).order_by("pk").first()
    if part is None:
        _end(one, now)
    else:
        _advance(one, part, now)
    one.moved_at = now
    one.save(update_fields=["calls", "moved_at", "state", "finished_at"])
    failpoint("before_backfill_commit")
    return True


def _end(one: Backfill, now: datetime) -> None:
    """All counters are gone through: a person decides, or it is done."""
    if one.state == State.COUNTING:
        one.state = State.COUNTED
        return
    one.state, one.finished_at = State.DONE, now
    _log(one, None, "backfill.finished", _outcome(one))


@dataclass(frozen=True)
class _Part:
    """Calls of one step, and the key of the last of them."""

    call_ids: list[int]
    reached_at: datetime
    reached_call: int


def _advance(one: Backfill, part: BackfillCounter, now: datetime) -> None:
    """Judge the next calls for the counter, and send those that go if a person has started it."""
    # A save or a file that is just being built is waited for; both are short.
    locked = Counter.objects.present().select_for_update(of=("self",), no_key=True)
    is_sending = one.state == State.SENDING
    counter = (locked if is_sending else Counter.objects.present()).filter(pk=part.counter_id)
    found = counter.first()
    calls = _next(one, part) if found else None
    if found is None or calls is None:
        part.is_over = True
    else:
        asked = Asked(one.cabinet_id, found.pk, calls.call_ids)
        if is_sending:
            _accept(one, found)
        outcomes = (
            ordered.send(asked, BY_DAYS, actor_id=one.requested_by_id, now=now)
            if is_sending
            else ordered.count(asked, BY_DAYS, now=now)
        )
        name = "result" if is_sending else "expected"
        total = SendCounts.of(getattr(part, name)) + SendCounts.of(outcomes)
        setattr(part, name, total.outcomes)
        part.reached_at, part.reached_call = calls.reached_at, calls.reached_call
    part.save(update_fields=["expected", "result", "reached_at", "reached_call", "is_over"])


def _accept(one: Backfill, counter: Counter) -> None:
    """Let the counter accept the calls of these days, or the next change of settings stops them."""
    bound = counter.accepts_from
    if counter.configured_at is not None and bound is not None and bound > one.since:
        lifecycle.accept_from(counter=counter, moment=one.since, actor=one.requested_by)


def _next(one: Backfill, part: BackfillCounter) -> _Part | None:
    values = _bounds(one) | {
        "reached_at": part.reached_at or "infinity",
        "reached_call": part.reached_call or 0,
        "step": STEP,
    }
    rows = _rows(_NEXT, values)
    if not rows:
        return None
    call_id, started_at = rows[-1]
    return _Part([pk for pk, _started in rows], started_at, call_id)


def _bounds(one: Backfill) -> dict[str, Any]:
    return {
        "cabinet": one.cabinet_id,
        "since": one.since,
        "until": one.until,
        "first": one.since - _SLACK,
        "last": one.until + _SLACK,
    }


def _rows(sql: str, values: dict[str, Any]) -> list[tuple[int, datetime]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _sum(one: Backfill, name: str) -> SendCounts:
    counted = one.counters.values_list(name, flat=True)
    return sum((SendCounts.of(outcomes) for outcomes in counted), SendCounts())


def _outcome(one: Backfill) -> dict[str, object]:
    """Return what was counted before the start and what was done, for the audit trail."""
    return {name: _sum(one, name).outcomes for name in ("expected", "result")}


def _log(one: Backfill, actor: User | None, action: str, after: dict[str, object]) -> None:
    numbers = one.counters.order_by("pk").values_list("counter_id", flat=True)
    what = {"counters": list(numbers), "since": one.since.isoformat()}
    audit.log_change(
        cabinet=one.cabinet, actor=actor, action=action, subject=one, after=what | after
    )
