"""Warnings about calls that are blocked and near the end of Metrika's 21 days.

Computed from the ledger; nothing is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.utils.translation import gettext as _

from calls.delivery.moves import CANCEL
from calls.models import Delivery, Upload
from calls.models.querysets import AWAITS_FILE, AWAITS_PERSON, AWAITS_SETTINGS
from calls.states import Attention, Channel, DeliveryState, UploadState
from counters.sendable import SENDABLE, as_q

#: Time left to the end of the 21 days: a first warning on day 14, a last one on day 19.
FIRST_WARNING = timedelta(days=7)
LAST_WARNING = timedelta(days=2)
#: How long expired calls are reported.
REPORTED_FOR = timedelta(days=7)
#: partition_at is the first known start of a call; a corrected start may differ by a day.
SLACK = timedelta(days=1)
AGE_AT_FIRST_WARNING = timedelta(days=21) - FIRST_WARNING - SLACK


@dataclass(frozen=True)
class ExpiryWarning:
    """A counter's calls whose term ends in two days or in a week, or has ended in the last week."""

    counter_id: int
    counter_name: str
    in_two_days: int
    in_a_week: int
    expired: int

    @property
    def sentences(self) -> list[str]:
        """Return the warnings in Russian, the most urgent first."""
        later = self.in_a_week - self.in_two_days
        counts = [
            (self.in_two_days, _("Не позже чем через 2 дня перестанут привязываться звонки: %d.")),
            (later, _("Не позже чем через 7 дней перестанут привязываться звонки: %d.")),
            (self.expired, _("За неделю опоздали и уже не привяжутся звонки: %d.")),
        ]
        return [text % count for count, text in counts if count]


def expiry_warnings(whose: Q, *, now: datetime) -> list[ExpiryWarning]:
    """Return the warnings by counter for the deliveries that match ``whose``, in one query.

    Counted are calls that a person can still save: those of a counter that is off, not set up,
    without access or without its goal, those whose identifier is unreadable, and those in an upload
    that waits for a person. A call that is sent over two channels counts once.
    """
    soon = Q(expires_at__gt=now, expires_at__lte=now + FIRST_WARNING) & _blocked()
    expired = _expired(since=now - REPORTED_FOR, now=now)
    rows = (
        Delivery.objects.filter(whose, soon | expired, counter__removed_at=None)
        .filter(partition_at__lte=now - AGE_AT_FIRST_WARNING)
        .order_by("counter__name", "counter_id")
        .values_list("counter_id", "counter__name")
        .annotate(
            in_two_days=Count(
                "call_id", distinct=True, filter=soon & Q(expires_at__lte=now + LAST_WARNING)
            ),
            in_a_week=Count("call_id", distinct=True, filter=soon),
            expired=Count("call_id", distinct=True, filter=expired),
        )
    )
    return [ExpiryWarning(*row) for row in rows]


def _expired(*, since: datetime, now: datetime) -> Q:
    """Match deliveries shown as «Опоздал»: expired themselves, or with their upload."""
    in_upload = Q(
        state=DeliveryState.BATCHED,
        upload__state=UploadState.CANCELLED,
        upload__attention=Attention.EXPIRED,
        upload__settled_at__gt=since,
    )
    passed = Q(expires_at__gt=since, expires_at__lte=now)
    awaited = (AWAITS_SETTINGS | AWAITS_PERSON | AWAITS_FILE) & passed
    return Q(state=DeliveryState.EXPIRED, decided_at__gt=since) | awaited | in_upload


def _blocked() -> Q:
    """Match deliveries that only a person can let be sent, and that are not with Metrika."""
    blocked = ~as_q(SENDABLE, "counter__")
    lost_goal = Q(channel=Channel.GOAL, counter__goal__deleted_at__isnull=False)
    batched = Q(state=DeliveryState.BATCHED, upload__in=Upload.objects.filter(CANCEL.condition))
    waits_for_person = Q(upload__state=UploadState.NEEDS_ATTENTION)
    waiting = Q(state=DeliveryState.WAITING) & (blocked | lost_goal)
    undecided = AWAITS_SETTINGS | AWAITS_PERSON | AWAITS_FILE
    return waiting | undecided | (batched & (blocked | waits_for_person))
