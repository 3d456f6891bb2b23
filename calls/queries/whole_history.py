"""The rows of a counter's whole history, counted out of indexes as far as they tell the state.

A row in a file has the state of the file unless it was refused; most decided rows have the state
of their column. Only the others are read: those that wait, and those whose reason waits for
something or becomes too late. One statement, so that a row that moves meanwhile counts once.
"""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Count, Q

from calls.models import Delivery
from calls.queries.display_state import own_state_case
from calls.states import (
    BY_ORDER_ONLY,
    CALL_NOT_FINISHED,
    GOAL_GONE,
    IDENTIFIER_UNREADABLE,
    MAYBE_SENT,
    DeliveryState,
    DisplayState,
)
from counters.models import Counter

#: An upload or None, the state of the rows themselves ('' for that of the upload), their number.
Group = tuple[int | None, str, int]

#: Skipped rows with these reasons may be in another state than skipped.
_READ = (*BY_ORDER_ONLY, GOAL_GONE, IDENTIFIER_UNREADABLE, MAYBE_SENT, CALL_NOT_FINISHED)

_COUNT = f"""
SELECT upload_id, '' AS own_state, count(*) FROM calls_delivery
WHERE upload_id = ANY(ARRAY(SELECT id FROM calls_upload WHERE counter_id = %s))
GROUP BY upload_id
UNION ALL
SELECT upload_id, '{DisplayState.ROW_REFUSED.value}', count(*) FROM calls_delivery
WHERE counter_id = %s AND state = {DeliveryState.ROW_REFUSED.value}
GROUP BY upload_id
UNION ALL
SELECT NULL, '{DisplayState.EXPIRED.value}', count(*) FROM calls_delivery
WHERE counter_id = %s AND state = {DeliveryState.EXPIRED.value}
UNION ALL
SELECT NULL, '{DisplayState.SKIPPED.value}', count(*) FROM calls_delivery
WHERE counter_id = %s AND state = {DeliveryState.SKIPPED.value}
  AND (reason IS NULL OR reason <> ALL(%s))
UNION ALL
"""


def groups_of(counter: Counter, *, now: datetime) -> list[Group]:
    """Return the number of the counter's rows by upload and own state, in one query."""
    read = Q(state=DeliveryState.WAITING) | Q(state=DeliveryState.SKIPPED, reason__in=_READ)
    rest, values = (
        Delivery.objects.filter(read, counter=counter)
        .order_by()
        .annotate(own_state=own_state_case(now))
        .values_list("upload_id", "own_state")
        .annotate(count=Count("call_id"))
        .query.sql_with_params()
    )
    with connection.cursor() as cursor:
        cursor.execute(_COUNT + rest, [*[counter.pk] * 4, list(_READ), *values])
        return _without_refused(cursor.fetchall())


def _without_refused(groups: list[Group]) -> list[Group]:
    """Take the refused rows out of the counts of their files."""
    refused: dict[int | None, int] = {
        upload: count for upload, own, count in groups if own and upload is not None
    }
    exact = [
        (upload, own, count if own else count - refused.get(upload, 0))
        for upload, own, count in groups
    ]
    return [group for group in exact if group[2]]
