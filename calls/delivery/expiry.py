"""Ends what has no future: calls past Metrika's 21 days, and uploads that nobody can ask about.

For the clock. Every state that waits for somebody else ends here at last.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef

from calls.decision.decide import LINK_HORIZON
from calls.delivery import transitions
from calls.delivery.bisection import give_back, lock_rows
from calls.delivery.policy import NO_OUTCOME_AFTER, OVERDUE_AFTER
from calls.delivery.recovery import move_waiting, withdraw_uploads
from calls.models import Upload
from calls.runtime.error_isolation import isolated_errors
from calls.states import Attention, DeliveryState, UploadState
from counters.models import Counter

logger = logging.getLogger(__name__)

OF_REMOVED_COUNTERS = "counter_id IN (SELECT id FROM counters_counter WHERE removed_at IS NOT NULL)"


def expire_overdue(*, now: datetime) -> int:
    """End what is overdue; return how many rows and uploads ended."""
    return (
        _expire_rows(now)
        + _expire_uploads(now)
        + _gather_anew_without_the_late(now)
        + _withdraw_removed(now)
        + _give_up_silent(now)
    )


def _expire_rows(now: datetime) -> int:
    return move_waiting(
        "expires_at <= %(now)s",
        {"now": now},
        to="state = %(expired)s, decided_at = %(now)s",
        values={"expired": DeliveryState.EXPIRED},
    )


def _expire_uploads(now: datetime) -> int:
    old = Upload.objects.filter(newest_call_at__lte=now - LINK_HORIZON)
    ended = transitions.cancel(old, Attention.EXPIRED, now=now)
    # Metrika cannot be asked about these any more, and a repeat could not be linked either.
    return ended + transitions.give_up_unclear(old, now=now)


def _gather_anew_without_the_late(now: datetime) -> int:
    """Open files that were held up until some of their calls were too late; the others go on.

    `uploading.claim` lets no such file out. A repeat that a person ordered has one call only.
    """
    held_up = Upload.objects.filter(
        oldest_call_at__lte=now - LINK_HORIZON,
        newest_call_at__gt=now - LINK_HORIZON,
        state__in=[UploadState.READY, UploadState.LATER],
    )
    anew = 0
    for pk in held_up.order_by("pk").values_list("pk", flat=True):
        with isolated_errors(logger, "late calls of upload %s", pk):
            anew += _gather_anew(pk, now)
    return anew


@transaction.atomic
def _gather_anew(upload_id: int, now: datetime) -> bool:
    Counter.objects.select_for_update(of=("self",), no_key=True).get(uploads=upload_id)
    upload = (
        Upload.objects.select_for_update(of=("self",), no_key=True)
        .filter(pk=upload_id, state__in=[UploadState.READY, UploadState.LATER])
        .first()
    )
    if upload is None:
        return False
    lock_rows(upload)
    give_back(upload, now=now)
    return transitions.dissolve(Upload.objects.filter(pk=upload.pk), now=now)


def _withdraw_removed(now: datetime) -> int:
    """Take along what was on its way, or being stored, when its counter was removed."""
    rows = move_waiting(
        OF_REMOVED_COUNTERS,
        {},
        to="state = %(skipped)s, reason = 'counter_removed', decided_at = %(now)s",
        values={"skipped": DeliveryState.SKIPPED, "now": now},
    )
    removed = Counter.objects.filter(pk=OuterRef("counter_id"), removed_at__isnull=False)
    return rows + withdraw_uploads(Upload.objects.filter(Exists(removed)), now)


def _give_up_silent(now: datetime) -> int:
    """Say so when Metrika told no outcome for long; also where its account cannot be asked."""
    silent = Upload.objects.filter(state=UploadState.SENT)
    silent.filter(attention="", accepted_at__lt=now - OVERDUE_AFTER).update(
        attention=Attention.OVERDUE
    )
    return transitions.give_up_sent(silent.filter(accepted_at__lt=now - NO_OUTCOME_AFTER), now=now)
