"""Rows that may be in a display state or have a reason, by conditions that indexes answer.

The display state is defined by one CASE (`calls.queries.display_state`), which is computed for each
row. Without these conditions a filter by it would read the whole ledger of the counter, also when
no row is in the state. They hold for every row in the state, and for some others: the CASE still
filters. Rows whose state is that of their upload are found by the uploads of the counter.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from operator import or_
from typing import NamedTuple

from django.db.models import Q, QuerySet

from calls.models import Delivery, Upload
from calls.queries.display_state import uploads_in_states
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

#: So many candidates are sorted; of more of them the first are found in the order of the history.
FEW = 10_000
#: `partition_at` is the first known start of a call; a corrected start may differ by a day.
SLACK = timedelta(days=2)
#: Skipped calls with these reasons are shown as expired once they are too late.
_EXPIRE = (*BY_ORDER_ONLY, GOAL_GONE, IDENTIFIER_UNREADABLE, MAYBE_SENT)
#: States of rows that have a reason or none, and are in no file that is on its way: those of the
#: partial index delivery_decided.
DECIDED = (DeliveryState.SKIPPED, DeliveryState.EXPIRED, DeliveryState.ROW_REFUSED)


class File(NamedTuple):
    """An upload whose rows may be in the state, its oldest call and when it was made."""

    pk: int
    rows: int
    oldest: datetime
    created: datetime


@dataclass(frozen=True)
class Candidates:
    """A condition of `Delivery`, and whether so few rows fulfil it that they can be sorted."""

    condition: Q
    is_few: bool
    #: The two parts of the condition: of rows themselves, and of rows by their file.
    own: Q | None = None
    files: tuple[File, ...] = ()

    def __and__(self, other: Candidates) -> Candidates:
        """Return the rows that fulfil both."""
        return Candidates(self.condition & other.condition, self.is_few or other.is_few)

    def latest(self, before: datetime | None, most: int) -> Q | None:
        """Return a condition of all these rows since some moment, which reads fewer files.

        The files after that moment hold ``most`` rows or more that are older than ``before`` (None
        for now), as far as starts were not corrected; None when no file would be left out.
        """
        since = _since_holding(
            most, [one for one in self.files if before is None or one.oldest <= before]
        )
        if since is None:
            return None
        # No file precedes its calls, whatever became of their starts.
        late = [one.pk for one in self.files if one.created >= since - SLACK]
        if len(late) == len(self.files):
            return None
        return _either(self.own, late) & Q(partition_at__gte=since)


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


def of_state(scope: Q, state: str, *, since: date | None, now: datetime) -> Candidates:
    """Return the rows that may be in the state; see `of_states`."""
    return of_states(scope, [state], since=since, now=now)


def of_states(
    scope: Q, states: Collection[str], *, since: date | None, now: datetime
) -> Candidates:
    """Return the rows that may be in one of the states, in two queries.

    ``scope`` names counters; it is a condition of rows and of uploads alike. ``since`` is the first
    day of the history, None for all of it.
    """
    uploads = uploads_in_states(states).filter(scope, **_built_since(since))
    conditions = [own_condition(state, now) for state in states]
    own = reduce(or_, (one for one in conditions if one is not None), Q())
    return _candidates(scope, own or None, uploads)


def of_reason(scope: Q, reason: str, *, since: date | None) -> Candidates:
    """Return the rows that may have the reason, in two queries; see `of_state`."""
    uploads = Upload.objects.filter(scope, attention=reason, **_built_since(since))
    return _candidates(scope, Q(state__in=DECIDED, reason=reason), uploads)


def _built_since(first: date | None) -> dict[str, date]:
    """Return a condition of uploads with calls from this day on, as no file precedes its calls."""
    return {"created_at__date__gte": first - SLACK} if first and first > date.min + SLACK else {}


def _candidates(scope: Q, own: Q | None, uploads: QuerySet[Upload]) -> Candidates:
    columns = ("pk", "rows", "oldest_call_at", "created_at")
    files = tuple(File(*values) for values in uploads.values_list(*columns))
    condition = _either(own, [one.pk for one in files])
    rows = sum(one.rows for one in files)
    if own is not None:
        rows += Delivery.objects.filter(own, scope).order_by()[: FEW + 1].count()
    return Candidates(condition, rows <= FEW, own, files)


def _either(own: Q | None, uploads: list[int]) -> Q:
    """Return the condition of rows that fulfil their own, or are in these uploads."""
    in_uploads = Q(state__in=(DeliveryState.BATCHED, DeliveryState.ROW_REFUSED)) & Q(
        upload_id__in=uploads
    )
    if own is None:
        return in_uploads
    return own | in_uploads if uploads else own


def _since_holding(most: int, files: list[File]) -> datetime | None:
    """Return the oldest call of the latest files with so many rows; None when all have fewer."""
    rows = 0
    for one in sorted(files, key=lambda file: file.oldest, reverse=True):
        rows += one.rows
        if rows >= most:
            return one.oldest
    return None
