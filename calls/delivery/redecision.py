"""Decides the waiting calls of a changed counter again in the background, in short transactions.

A change of a counter (settings, switch, removal, hosts, goal) concerns everything that waits for
it: up to `AT_ONCE` rows are decided with the change itself, more of them by the beat task. Until it
has ended, a row of `Redecision` holds the counter: `batching` builds no file for it, so nothing is
sent by the former settings. The row is written in the transaction of the change, under the lock of
the counter that a file is built under as well.

A step goes through `STEP` rows of the counter's ledger in the order of the index
delivery_by_counter, whose columns never change, and stores how far it came in the same transaction:
a process that dies leaves a shorter way to the next one. Another change begins at the first row.
What is stored meanwhile is decided by the new settings; what was being stored by the former ones
while the counter was changed has an older version of the settings, and `batching` decides it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from calls.decision.horizon import LINK_HORIZON
from calls.decision.reasons import COUNTER_REMOVED
from calls.decision.redecide import redecide
from calls.delivery import transitions
from calls.delivery.rows import lock_rows, return_to_waiting, update_rows
from calls.models import Delivery, Redecision, Upload
from calls.models.querysets import AWAITS_SETTINGS_SQL, UNDECIDED_SQL, WAITING_SQL
from calls.runtime import shutdown
from calls.runtime.error_isolation import isolated_errors
from calls.runtime.failpoints import failpoint
from calls.states import COUNTER_OFF, Attention, DeliveryState
from counters.models import Counter

logger = logging.getLogger(__name__)

#: So many rows at most are decided in the transaction of the change itself.
AT_ONCE = 1_000
#: So many rows of the counter's ledger does one step go through, under the counter's lock.
STEP = 2_000
#: Each condition has a partial index of its own.
_SET_ASIDE_SQL = f"state = {DeliveryState.SKIPPED} AND waited"


def concerned_sql(counter: Counter) -> tuple[str, ...]:
    """Return which rows of the counter its change concerns: SQL conditions without common rows.

    A counter that is switched off keeps what waits for it as it is; only calls without any
    settings are decided, by the first ones.
    """
    if counter.removed_at is not None:
        return (WAITING_SQL, *UNDECIDED_SQL)
    return (WAITING_SQL, _SET_ASIDE_SQL) if counter.enabled else (AWAITS_SETTINGS_SQL,)


def is_large(counter: Counter) -> bool:
    """Whether a change of the counter concerns more rows than are decided at once."""
    returning = sum(refused_for_goal(counter).values_list("rows", flat=True))
    return returning + count_concerned(counter, most=AT_ONCE + 1) > AT_ONCE


def count_concerned(counter: Counter, *, most: int | None = None) -> int:
    """Return how many rows a change of the counter concerns; of each kind at ``most`` so many."""
    arms = " UNION ALL ".join(
        f"(SELECT 1 FROM calls_delivery WHERE counter_id = %(counter)s AND {condition}"
        " LIMIT %(most)s)"
        for condition in concerned_sql(counter)
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT count(*) FROM ({arms}) AS concerned", {"counter": counter.pk, "most": most}
        )
        return int(cursor.fetchone()[0])


def request(counter: Counter, *, now: datetime) -> None:
    """Have the counter's waiting calls decided again, from the first; until then it is held.

    Runs in the transaction that changed the counter.
    """
    Redecision.objects.update_or_create(
        counter_id=counter.pk,
        defaults={
            "requested_at": now,
            "total": None,
            "done": 0,
            "reached_at": None,
            "reached_call": None,
            "moved_at": None,
        },
    )


def forget(counter: Counter) -> None:
    """Release the counter: everything that waits was decided by its present settings.

    Runs in a transaction that holds the counter's lock.
    """
    Redecision.objects.filter(counter_id=counter.pk).delete()


def is_held(counter: Counter) -> bool:
    """Whether the counter's waiting calls are still being decided again.

    Runs in a transaction that holds the counter's lock.
    """
    return Redecision.objects.filter(counter_id=counter.pk).exists()


def decide_stale(counter: Counter, stale: Sequence[tuple[int, datetime]], *, now: datetime) -> bool:
    """Decide calls (id and `partition_at`) that were stored by former settings; False if too many.

    Then the whole counter is decided again in the background. Runs in a transaction that holds the
    counter's lock.
    """
    if len(stale) > AT_ONCE:
        request(counter, now=now)
        return False
    moments = [moment for _pk, moment in stale]
    redecide(
        counter.pk, [pk for pk, _moment in stale], now=now, between=(min(moments), max(moments))
    )
    return True


def stale_rows(upload_id: int, counter: Counter) -> list[tuple[int, datetime]]:
    """Return calls of a new upload that were decided by former settings, AT_ONCE + 1 at most."""
    rows = Delivery.objects.filter(upload_id=upload_id, settings_version__lt=counter.version)
    return list(rows.values_list("call_id", "partition_at")[: AT_ONCE + 1])


def run(*, seconds: float) -> int:
    """Go on with all that was requested, for about so many ``seconds``; return the steps made."""
    deadline = time.monotonic() + seconds
    steps = 0
    while True:
        made = 0
        for counter_id in shutdown.until_requested(_requested()):
            with isolated_errors(logger, "deciding calls of counter %s again", counter_id):
                made += _step(counter_id, now=timezone.now())
            if time.monotonic() >= deadline:
                return steps + made
        steps += made
        if not made:
            return steps


def _requested() -> list[int]:
    rows = Redecision.objects.order_by("requested_at", "pk")
    return list(rows.values_list("counter_id", flat=True))


def _step(counter_id: int, *, now: datetime) -> bool:
    """Make one step; False when there is none to make, or another process makes one."""
    counter = Counter.objects.select_related("goal").get(pk=counter_id)
    state = Redecision.objects.filter(counter_id=counter_id).first()
    if state is None:
        return False
    if state.total is None:
        return _return_one_refused(counter.pk, now=now) or _count(counter, state)
    return _decide_next(counter_id, now=now)


def _count(counter: Counter, state: Redecision) -> bool:
    """Store how many rows there are to decide. Counting takes seconds: it locks nothing."""
    total = count_concerned(counter)
    counted = Redecision.objects.filter(pk=state.pk, requested_at=state.requested_at, total=None)
    counted.update(total=total)
    failpoint("after_redecision_count")
    return True


@transaction.atomic
def _decide_next(counter_id: int, *, now: datetime) -> bool:
    # A save or a file of the counter that is just being built is not waited for.
    locked = Counter.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    counter = locked.filter(pk=counter_id).first()
    state = Redecision.objects.filter(counter_id=counter_id).first() if counter else None
    if counter is None or state is None or state.total is None:
        return False
    part = _next_part(counter, state, now)
    if part is None:
        state.delete()
    else:
        _decide(counter, part, now)
        state.reached_at, state.reached_call = part.first, part.first_call
        state.done, state.moved_at = state.done + part.rows, now
        state.save(update_fields=["reached_at", "reached_call", "done", "moved_at"])
    failpoint("before_redecision_commit")
    return True


@dataclass(frozen=True)
class _Part:
    """Rows of one step: from the oldest key to the newest `partition_at`, and what it concerns."""

    first: datetime
    first_call: int
    last: datetime
    rows: int
    call_ids: list[int]


# Both columns descend in the index, so that the comparison of the pair is a condition of it. The
# bound of the month is repeated: a pair prunes no partitions.
_BELOW = """counter_id = %(counter)s AND partition_at <= %(reached_at)s
    AND (partition_at, call_id) < (%(reached_at)s, %(reached_call)s)"""
_LAST_OF_PART = f"""
SELECT partition_at, call_id FROM (
    SELECT partition_at, call_id FROM calls_delivery
    WHERE {_BELOW} AND partition_at > %(floor)s
    ORDER BY partition_at DESC, call_id DESC LIMIT %(step)s
) AS part ORDER BY partition_at, call_id LIMIT 1"""
# With its upper end included: a call has a row for each channel.
_OF_PART = f"""
SELECT count(*), coalesce(array_agg(DISTINCT call_id), '{{}}'), max(partition_at)
FROM calls_delivery
WHERE {_BELOW} AND partition_at >= %(first)s
  AND (partition_at, call_id) >= (%(first)s, %(first_call)s) AND (<concerned>)"""


def _next_part(counter: Counter, state: Redecision, now: datetime) -> _Part | None:
    """Return the next rows, older than those that the last step went through; None at the end."""
    values = {
        "counter": counter.pk,
        "reached_at": state.reached_at or "infinity",
        "reached_call": state.reached_call or 0,
        "floor": now - 2 * LINK_HORIZON,
        "step": STEP,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_LAST_OF_PART, values)
        end = cursor.fetchone()
        if end is None:
            return None
        concerned = " OR ".join(f"({condition})" for condition in concerned_sql(counter))
        values |= {"first": end[0], "first_call": end[1]}
        cursor.execute(_OF_PART.replace("<concerned>", concerned), values)
        rows, call_ids, last = cursor.fetchone()
    return _Part(end[0], end[1], last or end[0], rows, call_ids)


def _decide(counter: Counter, part: _Part, now: datetime) -> None:
    if counter.removed_at is not None:
        withdraw(counter, now=now, call_ids=part.call_ids)
        return
    redecide(
        counter.pk,
        part.call_ids,
        now=now,
        between=(part.first, part.last),
        without=() if counter.enabled else (COUNTER_OFF,),
    )


def withdraw(counter: Counter, *, now: datetime, call_ids: Sequence[int] | None = None) -> None:
    """End what waits for a removed counter, or of it only these calls."""
    for condition in concerned_sql(counter):
        update_rows(
            f"{condition} AND counter_id = %(counter)s"
            " AND (%(calls)s::bigint[] IS NULL OR call_id = ANY (%(calls)s::bigint[]))",
            {"counter": counter.pk, "calls": call_ids},
            to="state = %(skipped)s, reason = %(reason)s, decided_at = %(now)s",
            values={"skipped": DeliveryState.SKIPPED, "reason": COUNTER_REMOVED.code, "now": now},
        )


def refused_for_goal(counter: Counter) -> QuerySet[Upload]:
    """Return uploads that were refused with a deleted goal and can go with the one chosen now."""
    is_gone = counter.goal is not None and counter.goal.deleted_at is not None
    if is_gone or counter.removed_at is not None:
        return Upload.objects.none()
    return Upload.objects.needs_attention().filter(counter=counter, attention=Attention.GOAL_GONE)


def return_refused(upload: Upload, *, now: datetime, decides: bool = True) -> None:
    """Return the rows of an upload of `refused_for_goal` to waiting, for the goal chosen now.

    Runs in a transaction that holds the locks of the counter and of the upload.
    """
    lock_rows(upload)
    return_to_waiting(upload, now=now, decides=decides)
    transitions.gather_again(Upload.objects.filter(pk=upload.pk), now=now)


@transaction.atomic
def _return_one_refused(counter_id: int, *, now: datetime) -> bool:
    """Return the rows of one refused upload to waiting; the pass that follows decides them."""
    locked = Counter.objects.select_for_update(of=("self",), no_key=True).select_related("goal")
    refused = refused_for_goal(locked.get(pk=counter_id))
    upload = refused.select_for_update(no_key=True).order_by("pk").first()
    if upload is None or not Redecision.objects.filter(counter_id=counter_id, total=None).exists():
        return False
    return_refused(upload, now=now, decides=False)
    failpoint("before_redecision_commit")
    return True
