"""Sums of the stored hours of a day, in the time zone of the cabinet.

A day equals the sum of its stored hours at any moment, also while some of them are marked: it is
written in the transaction that writes them. `SummaryZone` says in which zone a cabinet has days.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction

from calls.summary.names import DELIVERY_SUMS, IN_DAY, LOCK

_KEY = "cabinet_id, day, counter_id, channel, kind, state, shown, reason"
_INSERT = f"""
INSERT INTO calls_deliveryday ({_KEY}, {", ".join(DELIVERY_SUMS)})
SELECT {_KEY}, {", ".join(f"sum({one})" for one in DELIVERY_SUMS)} FROM"""
_GROUP = f"GROUP BY {_KEY}"

_TOUCHED_DAYS = """
WITH days AS MATERIALIZED (
    SELECT DISTINCT t.cabinet_id, z.zone, (t.hour AT TIME ZONE z.zone)::date AS day
    FROM unnest(%s::bigint[], %s::timestamptz[]) AS t (cabinet_id, hour)
    JOIN calls_summaryzone z ON z.cabinet_id = t.cabinet_id
)"""
_FORGET = f"""{_TOUCHED_DAYS}
DELETE FROM calls_deliveryday o USING days
WHERE o.cabinet_id = days.cabinet_id AND o.day = days.day"""
# LATERAL with OFFSET: each day is read by the index of its hours.
_COUNT = f"""{_TOUCHED_DAYS}{_INSERT} (
    SELECT s.*, days.day FROM days CROSS JOIN LATERAL (
        SELECT * FROM calls_deliverysummary o WHERE o.cabinet_id = days.cabinet_id
          AND {IN_DAY.format(day="days.day", zone="days.zone")}
        OFFSET 0) AS s
) AS hours {_GROUP}"""

_OTHER_ZONE = """
SELECT c.id, c.time_zone FROM cabinets_cabinet c
LEFT JOIN calls_summaryzone z ON z.cabinet_id = c.id
WHERE z.zone IS DISTINCT FROM c.time_zone ORDER BY c.id LIMIT 1"""
_FORGET_ALL = "DELETE FROM calls_deliveryday WHERE cabinet_id = %(cabinet)s"
_COUNT_ALL = f"""{_INSERT} (
    SELECT *, (hour AT TIME ZONE %(zone)s)::date AS day FROM calls_deliverysummary
    WHERE cabinet_id = %(cabinet)s
) AS hours {_GROUP}"""
_SET_ZONE = """
INSERT INTO calls_summaryzone (cabinet_id, zone) VALUES (%(cabinet)s, %(zone)s)
ON CONFLICT (cabinet_id) DO UPDATE SET zone = EXCLUDED.zone"""


def count_days(cursor: Any, touched: list[list[Any]]) -> None:
    """Count anew the days of hours that were just counted; ``touched``: cabinets and hours.

    Call under the lock of `calls.summary.refresh`.
    """
    cursor.execute(_FORGET, touched)
    cursor.execute(_COUNT, touched)


@transaction.atomic
def follow_zone() -> bool:
    """Count all days of one cabinet that has none in its time zone; False when there is none.

    False also when another process counts.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return False
        cursor.execute(_OTHER_ZONE)
        row = cursor.fetchone()
        if row is None:
            return False
        values = {"cabinet": row[0], "zone": row[1]}
        for statement in (_FORGET_ALL, _COUNT_ALL, _SET_ZONE):
            cursor.execute(statement, values)
        return True
