"""Columns of the counts, and the lock under which they are written."""

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
