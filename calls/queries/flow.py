"""Whether calls come into a cabinet, and whether the last uploads of its counters go through.

Each function makes a constant number of queries, however many counters there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from cabinets.models import Cabinet
from calls.models import Call
from calls.states import TAKEN_UPLOADS, TO_SEND, Attention, UploadState, sql_list

#: So many of the newest uploads of a counter, or all if there are fewer, have to have failed before
#: the counter counts as failing.
LAST_UPLOADS = 3
#: An upload that is to be repeated counts as failed after so many attempts.
FAILED_ATTEMPTS = 3
#: Remarks about uploads that Metrika has, although a person has to look at them.
_TAKEN_ANYWAY = (Attention.NO_OUTCOME, Attention.DUPLICATE)


@dataclass(frozen=True)
class CallFlow:
    """What the cabinet's sources do. ``last_at``: a request or a call, whichever is later."""

    active_sources: int
    has_calls: bool
    last_at: datetime | None


def call_flow(cabinet: Cabinet) -> CallFlow:
    """Return what the cabinet's active sources have sent; calls without a source count as well."""
    used = dict(cabinet.call_sources.filter(is_active=True).values_list("pk", "last_used_at"))
    newest = (
        Call.objects.filter(cabinet=cabinet)
        .order_by("-started_at", "-id")
        .values_list("source_id", "received_at")
        .first()
    )
    moments = [moment for moment in used.values() if moment]
    if newest is not None and (newest[0] is None or newest[0] in used):
        moments.append(newest[1])
    return CallFlow(len(used), newest is not None, max(moments, default=None))


# The newest uploads of each counter by the index upload_by_counter.
_FAILING = f"""
SELECT asked.id, bool_or(last.state = '{UploadState.NEEDS_ATTENTION}')
FROM unnest(%(counters)s::bigint[]) AS asked(id)
CROSS JOIN LATERAL (
    SELECT u.state, u.attention, u.attempts FROM calls_upload u
    WHERE u.counter_id = asked.id
      AND (u.state IN {sql_list((*TAKEN_UPLOADS, UploadState.NEEDS_ATTENTION))}
           OR (u.state IN {sql_list(TO_SEND)} AND u.attempts >= {FAILED_ATTEMPTS}))
    ORDER BY u.created_at DESC LIMIT {LAST_UPLOADS}) AS last
GROUP BY asked.id
HAVING bool_and(last.state NOT IN {sql_list(TAKEN_UPLOADS)}
                AND last.attention <> ALL (%(taken_anyway)s::text[]))"""


def failing_counters(counter_ids: Iterable[int]) -> dict[int, bool]:
    """Return the counters whose last uploads all failed: by id, whether one waits for a person.

    The others are repeated by themselves.
    """
    parameters: dict[str, Any] = {
        "counters": list(counter_ids),
        "taken_anyway": [str(attention) for attention in _TAKEN_ANYWAY],
    }
    with connection.cursor() as cursor:
        cursor.execute(_FAILING, parameters)
        return dict(cursor.fetchall())
