"""Columns of the counts, the hours of a day, and the lock under which counts are written."""

from __future__ import annotations

CALL_SUMS = (
    "calls",
    "missed",
    "unique_calls",
    "target_calls",
    "talk_seconds",
    "with_hold",
    "hold_seconds",
    "unrouted",
)
DELIVERY_SUMS = (
    "deliveries",
    "missed",
    "talk_seconds",
    "with_hold",
    "hold_seconds",
    "link_told",
    "linked",
)
#: A number in PostgreSQL's space of advisory locks; `calls_drop_month` takes it as well.
LOCK = 7_301_012

#: Whether an hour begins on the day of the zone, by the index of hours. Where clocks go back to
#: midnight there are two: PostgreSQL takes the second one for the beginning of the day.
IN_DAY = """hour >= ({day}::timestamp AT TIME ZONE {zone}) - interval '3 hours'
          AND hour < ({day} + 1)::timestamp AT TIME ZONE {zone}
          AND (hour AT TIME ZONE {zone})::date = {day}"""
