"""Rows that may be in a display state or have a reason, by conditions that indexes answer.

The display state is defined by one CASE (`calls.queries.display_state`), which is computed for each
row. Without these conditions a filter by it would read the whole ledger of the counter, also when
no row is in the state. They hold for every row in the state, and for some others: the CASE still
filters. Rows whose state is that of their upload are found by the uploads of the counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q

from calls.models import Delivery, Upload
from calls.queries.display_state import uploads_in_state
from calls.states import (
    BY_ORDER_ONLY,
    CALL_NOT_FINISHED,
    GOAL_GONE,
    IDENTIFIER_UNREADABLE,
    MAYBE_SENT,
    NOT_CONFIGURED,
    DeliveryState,
    DisplayState,
)
from counters.models import Counter

#: So many candidates are sorted; of more of them the first are found in the order of the history.
FEW = 10_000
#: `partition_at` is the first known start of a call; a corrected start may differ by a day.
SLACK = timedelta(days=2)
#: Skipped calls with these reasons are shown as expired once they are too late.
_EXPIRE = (*BY_ORDER_ONLY, GOAL_GONE, IDENTIFIER_UNREADABLE, MAYBE_SENT)
#: States of rows that have a reason or none, and are in no file that is on its way: those of the
#: partial index delivery_decided.
DECIDED = (DeliveryState.SKIPPED, DeliveryState.EXPIRED, DeliveryState.ROW_REFUSED)


@dataclass(frozen=True)
class Candidates:
    """A condition of `Delivery`, and whether so few rows fulfil it that they can be sorted."""

    condition: Q
    is_few: bool

    def __and__(self, other: Candidates) -> Candidates:
        """Return the rows that fulfil both."""
        return Candidates(self.condition & other.condition, self.is_few or other.is_few)


def own_condition(state: str, now: datetime) -> Q | None:
    """Return a condition of all rows that are themselves in the state; None if no row can be."""
    skipped = Q(state=DeliveryState.SKIPPED)
    conditions = {
        DisplayState.WAITING: Q(state=DeliveryState.WAITING),
        DisplayState.HELD: Q(state=DeliveryState.WAITING, not_before__gt=now),
        DisplayState.AWAITS_SETTINGS: skipped & Q(reason=NOT_CONFIGURED),
        DisplayState.AWAITS_GOAL: skipped & Q(reason=GOAL_GONE),
        DisplayState.NEEDS_DECISION: skipped & Q(reason__in=(IDENTIFIER_UNREADABLE, MAYBE_SENT)),
        DisplayState.NOT_FINISHED: skipped & Q(reason=CALL_NOT_FINISHED),
        DisplayState.SKIPPED: skipped,
        DisplayState.ROW_REFUSED: Q(state=DeliveryState.ROW_REFUSED),
        DisplayState.EXPIRED: Q(state=DeliveryState.EXPIRED)
        | Q(state=DeliveryState.WAITING, expires_at__lte=now)
        | (skipped & Q(reason__in=_EXPIRE, expires_at__lte=now)),
    }
    return conditions.get(DisplayState(state)) if state in DisplayState.values else None


def of_state(counter: Counter, state: str, *, since: date | None, now: datetime) -> Candidates:
    """Return the rows of the counter that may be in the state, in two queries.

    ``since`` is the first day of the history, None for all of it.
    """
    uploads = uploads_in_state(state).filter(counter=counter, **_built_since(since))
    return _candidates(counter, own_condition(state, now), list(uploads.values_list("pk", "rows")))


def of_reason(counter: Counter, reason: str, *, since: date | None) -> Candidates:
    """Return the rows of the counter that may have the reason, in two queries."""
    uploads = Upload.objects.filter(counter=counter, attention=reason, **_built_since(since))
    own = Q(state__in=DECIDED, reason=reason)
    return _candidates(counter, own, list(uploads.values_list("pk", "rows")))


def _built_since(first: date | None) -> dict[str, date]:
    """Return a condition of uploads with calls from this day on, as no file precedes its calls."""
    return {"created_at__date__gte": first - SLACK} if first and first > date.min + SLACK else {}


def _candidates(counter: Counter, own: Q | None, uploads: list[tuple[int, int]]) -> Candidates:
    in_uploads = Q(state__in=(DeliveryState.BATCHED, DeliveryState.ROW_REFUSED)) & Q(
        upload_id__in=[pk for pk, _rows in uploads]
    )
    rows = sum(rows for _pk, rows in uploads)
    if own is None:
        return Candidates(in_uploads, rows <= FEW)
    found = Delivery.objects.filter(own, counter=counter).order_by()[: FEW + 1].count()
    return Candidates(own | in_uploads if uploads else own, rows + found <= FEW)
