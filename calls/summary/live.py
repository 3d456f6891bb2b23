"""SQL that counts chosen hours from the calls and the ledger themselves.

Reading and refreshing use the same statements, so a stored count is what the live one was. Each
begins with the common table `touched (cabinet_id, hour)`. The look-ups are LATERAL with an OFFSET
or a LIMIT, so that every hour is read by an index: the planner does not know how few there are.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection

from calls.models import Call, Delivery
from calls.models.display_cases import EXPIRING_REASONS, display_reason, display_state_case
from calls.states import DeliveryState, DisplayState, UploadState

#: A file that was accepted in part, of which Metrika told how many rows are linked: the other cases
#: of `Upload.linked_rows` have display states of their own.
_TOLD_IN_PART = f"""(d.shown = '{DisplayState.PARTLY_ACCEPTED}' AND NOT d.is_static
        AND (d.linked > 0 OR d.linked = 0 AND d.not_found > 0
            OR d.upload_state = '{UploadState.LINKAGE_FAILURE}'))"""
#: Stands in compiled SQL for the moment that is now; no row has it.
_SOME_MOMENT = datetime(9999, 1, 1, tzinfo=UTC)
_EXPIRING = ", ".join(f"'{one}'" for one in EXPIRING_REASONS)
#: When time alone changes the display state; with two places for the moment that is now.
_CHANGES_AT = f"""CASE WHEN calls_delivery.expires_at <= %s THEN NULL
    WHEN calls_delivery.state = {DeliveryState.WAITING} AND calls_delivery.not_before > %s
        THEN least(calls_delivery.not_before, calls_delivery.expires_at)
    WHEN calls_delivery.state = {DeliveryState.WAITING}
        OR calls_delivery.state = {DeliveryState.SKIPPED}
        AND calls_delivery.reason IN ({_EXPIRING})
        THEN calls_delivery.expires_at END AS changes_at"""
_IN_HOUR = "{0} >= t.hour AND {0} < t.hour + interval '1 hour'"

#: Calls of the touched hours, one row a call.
LIVE_CALLS = f"""
SELECT t.cabinet_id, t.hour, c.partition_at AS at, c.source_id, c.kind,
    1 AS calls,
    (c.is_finished AND c.status = '{Call.Status.FAIL}')::int AS missed,
    c.is_unique::int AS unique_calls, c.is_target::int AS target_calls,
    c.duration_seconds::bigint AS talk_seconds,
    (c.hold_seconds IS NOT NULL)::int AS with_hold,
    coalesce(c.hold_seconds, 0)::bigint AS hold_seconds,
    ((SELECT 1 FROM calls_delivery d WHERE d.call_id = c.id AND d.partition_at = c.partition_at
      LIMIT 1) IS NULL)::int AS unrouted
FROM touched t CROSS JOIN LATERAL (
    SELECT * FROM calls_call c WHERE c.cabinet_id = t.cabinet_id
      AND {_IN_HOUR.format("c.started_at")} AND {_IN_HOUR.format("c.partition_at")}
    UNION ALL
    SELECT * FROM calls_call c WHERE c.cabinet_id = t.cabinet_id
      AND {_IN_HOUR.format("c.partition_at")} AND c.started_at <> c.partition_at
      AND NOT ({_IN_HOUR.format("c.started_at")})
    OFFSET 0
) c"""


def live_deliveries(now: datetime) -> tuple[str, list[Any]]:
    """Return the rows of the ledger of the touched hours, one row a delivery, and its values.

    `changes_at`: when the row's display state changes by time alone; null for never.
    """
    shown, shown_values = _display_sql(now)
    sql = f"""
SELECT t.cabinet_id, t.hour, d.at, d.counter_id, d.channel, c.kind, d.state, d.shown, d.reason,
    1 AS deliveries,
    (c.is_finished AND c.status = '{Call.Status.FAIL}')::int AS missed,
    c.duration_seconds::bigint AS talk_seconds,
    (c.hold_seconds IS NOT NULL)::int AS with_hold,
    coalesce(c.hold_seconds, 0)::bigint AS hold_seconds,
    (d.shown IN ('{DisplayState.ACCEPTED}', '{DisplayState.PARTLY_LINKED}',
        '{DisplayState.UNMATCHED}') OR {_TOLD_IN_PART})::int AS link_told,
    CASE WHEN d.shown = '{DisplayState.ACCEPTED}' THEN 1.0
        WHEN d.shown = '{DisplayState.PARTLY_LINKED}' OR {_TOLD_IN_PART}
            THEN least(coalesce(d.linked, 0), d.rows)::float8 / d.rows
        ELSE 0.0 END AS linked,
    d.changes_at
FROM touched t CROSS JOIN LATERAL (
    SELECT calls_delivery.call_id, calls_delivery.partition_at AS at, calls_delivery.counter_id,
        calls_delivery.channel, calls_delivery.state, ({shown[0]}) AS shown,
        ({shown[1]}) AS reason, calls_upload.linked_quantity AS linked, calls_upload.rows,
        calls_upload.user_not_found_quantity AS not_found, calls_upload.state AS upload_state,
        calls_upload.is_static,
        {_CHANGES_AT}
    FROM calls_delivery LEFT JOIN calls_upload ON calls_upload.id = calls_delivery.upload_id
    WHERE calls_delivery.counter_id = ANY (ARRAY(
            SELECT k.id FROM counters_counter k WHERE k.cabinet_id = t.cabinet_id))
      AND {_IN_HOUR.format("calls_delivery.partition_at")}
    OFFSET 0
) d CROSS JOIN LATERAL (
    SELECT kind, is_finished, status, duration_seconds, hold_seconds FROM calls_call
    WHERE id = d.call_id AND partition_at = d.at LIMIT 1
) c"""
    return sql, [*shown_values, now, now]


def _display_sql(now: datetime) -> tuple[tuple[str, str], list[Any]]:
    """Return the display state and the reason as SQL of calls_delivery and calls_upload."""
    sql, values = _compiled_display()
    return sql, [now if value == _SOME_MOMENT else value for value in values]


@cache
def _compiled_display() -> tuple[tuple[str, str], list[Any]]:
    """Return what `_display_sql` does, of `_SOME_MOMENT`. Django compiles it for milliseconds."""
    state = display_state_case(_SOME_MOMENT)
    rows = Delivery.objects.annotate(shown_sql=state, why_sql=display_reason())
    compiler = rows.query.get_compiler(connection=connection)
    shown, shown_values = compiler.compile(rows.query.annotations["shown_sql"])
    why, why_values = compiler.compile(rows.query.annotations["why_sql"])
    return (shown, why), [*shown_values, *why_values]
