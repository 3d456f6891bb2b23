"""Expires calls past Metrika's 21-day window, and uploads of which no outcome can be expected.

A beat task. Every state that waits for a person, or for Metrika, ends here if nothing else ends it.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from calls.decision.horizon import LINK_HORIZON
from calls.decision.reasons import COUNTER_REMOVED
from calls.delivery import transitions
from calls.delivery.policy import NO_OUTCOME_AFTER, OVERDUE_AFTER
from calls.delivery.recovery import withdraw_uploads
from calls.delivery.rows import lock_rows, return_to_waiting, update_rows, update_waiting
from calls.models import Upload
from calls.runtime.error_isolation import isolated_errors
from calls.states import WAIT_FOR_CHANGE, Attention, DeliveryState
from counters.models import Counter

logger = logging.getLogger(__name__)

#: Of those with many rows `calls.delivery.redecision` ends the wait.
OF_REMOVED_COUNTERS = (
    "counter_id IN (SELECT id FROM counters_counter WHERE removed_at IS NOT NULL"
    " AND id NOT IN (SELECT counter_id FROM calls_redecision))"
)

#: Rows of each kind that one run ends; the next run ends the others.
MOST_ROWS = 5000
#: In the partial index delivery_set_aside.
_SET_ASIDE = f"state = {DeliveryState.SKIPPED} AND waited AND expires_at <= %(now)s"


def expire_overdue(*, now: datetime) -> int:
    """End what is overdue; return how many rows and uploads ended."""
    return (
        _expire_rows(now)
        + _expire_awaiting_settings(now)
        + _end_set_aside(now)
        + _expire_uploads(now)
        + _rebuild_partly_late_uploads(now)
        + _withdraw_removed(now)
        + _give_up_without_outcome(now)
    )


def _expire_rows(now: datetime) -> int:
    return update_waiting(
        "expires_at <= %(now)s",
        {"now": now},
        to="state = %(expired)s, decided_at = %(now)s",
        values={"expired": DeliveryState.EXPIRED},
    )


def _expire_awaiting_settings(now: datetime) -> int:
    """Expire calls that waited for settings or for a goal all that time."""
    return update_rows(
        f"{_SET_ASIDE} AND reason = ANY (%(waiting)s)",
        {"now": now, "waiting": list(WAIT_FOR_CHANGE)},
        to="state = %(expired)s, reason = NULL, compared = NULL, decided_at = %(now)s",
        values={"expired": DeliveryState.EXPIRED},
        most=MOST_ROWS,
    )


def _end_set_aside(now: datetime) -> int:
    """End the wait of calls that changed settings excluded; they keep the reason."""
    return update_rows(
        f"{_SET_ASIDE} AND reason <> ALL (%(waiting)s)",
        {"now": now, "waiting": list(WAIT_FOR_CHANGE)},
        to="waited = false",
        values={},
        most=MOST_ROWS,
    )


def _expire_uploads(now: datetime) -> int:
    old = Upload.objects.filter(newest_call_at__lte=now - LINK_HORIZON)
    ended = transitions.cancel(old, Attention.EXPIRED, now=now)
    # The lookup of these has failed for 21 days, and a repeat could not be linked to visits.
    return ended + transitions.give_up_unclear(old, now=now)


def _rebuild_partly_late_uploads(now: datetime) -> int:
    """Cancel unsent files in which some calls are too late; the other calls are batched again.

    `sending.claim` sends no such file. A repeat that a person ordered has one call only.
    """
    partly_late = Upload.objects.to_send().filter(
        oldest_call_at__lte=now - LINK_HORIZON, newest_call_at__gt=now - LINK_HORIZON
    )
    rebuilt = 0
    for pk in partly_late.order_by("pk").values_list("pk", flat=True):
        with isolated_errors(logger, "late calls of upload %s", pk):
            rebuilt += _rebuild(pk, now)
    return rebuilt


@transaction.atomic
def _rebuild(upload_id: int, now: datetime) -> bool:
    Counter.objects.select_for_update(of=("self",), no_key=True).get(uploads=upload_id)
    unsent = Upload.objects.to_send().filter(pk=upload_id)
    upload = unsent.select_for_update(of=("self",), no_key=True).first()
    if upload is None:
        return False
    lock_rows(upload)
    return_to_waiting(upload, now=now)
    return transitions.cancel_late(Upload.objects.filter(pk=upload.pk), now=now)


def _withdraw_removed(now: datetime) -> int:
    """Cancel what was being sent or stored while its counter was removed, and waits now."""
    rows = update_waiting(
        OF_REMOVED_COUNTERS,
        {},
        to="state = %(skipped)s, reason = %(reason)s, decided_at = %(now)s",
        values={"skipped": DeliveryState.SKIPPED, "reason": COUNTER_REMOVED.code, "now": now},
    )
    removed = Counter.objects.filter(pk=OuterRef("counter_id"), removed_at__isnull=False)
    return rows + withdraw_uploads(Upload.objects.filter(Exists(removed)), now)


def _give_up_without_outcome(now: datetime) -> int:
    """Mark uploads that have no outcome for long, also those whose account cannot make requests."""
    sent = Upload.objects.sent()
    overdue = sent.filter(attention="", accepted_at__lt=now - OVERDUE_AFTER)
    overdue.update(attention=Attention.OVERDUE)
    return transitions.give_up_sent(sent.filter(accepted_at__lt=now - NO_OUTCOME_AFTER), now=now)
