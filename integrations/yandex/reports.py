"""Metrika's Reporting API, as far as calls need it: counts of calls and of reaches by day.

https://yandex.com/dev/metrika/en/stat/openapi/data
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from .reading import Misshapen

PATH = "/stat/v1/data"
CALLS = "ym:s:offlineCalls"
#: The longest period that is asked for at once; one row a day, far below the API's limit of rows.
MAX_DAYS = 366


@dataclass(frozen=True)
class ReportedDay:
    """One day of the counter's time zone; ``reaches`` by goal id."""

    day: date
    calls: int
    reaches: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CallReport:
    """Calls by day, and reaches of ``goals``; a day without any is left out.

    Days are those of the counter's time zone.

    ``is_sampled``: the numbers are estimates. ``is_cut``: rows with fewer than ten visitors are
    not shown (``contains_sensitive_data``). ``lag_seconds``: how far the report is behind.
    """

    days: tuple[ReportedDay, ...]
    goals: tuple[int, ...] = ()
    is_sampled: bool = False
    is_cut: bool = False
    lag_seconds: int | None = None


def params_of(
    counter_number: int, first: date, last: date, goals: Sequence[int]
) -> dict[str, str | int]:
    """Return the parameters of one request for all the days. ``accuracy=full``: no sampling."""
    return {
        "ids": counter_number,
        "dimensions": "ym:s:date",
        "metrics": ",".join([CALLS, *(f"ym:s:goal{goal}reaches" for goal in goals)]),
        "date1": first.isoformat(),
        "date2": last.isoformat(),
        "accuracy": "full",
        "limit": MAX_DAYS,
    }


def read_report(body: dict[str, Any], goals: Sequence[int]) -> CallReport:
    """``{"data": [{"dimensions": [{"name": "2026-01-05"}], "metrics": [14.0]}], "sampled": …}``"""
    rows = body.get("data")
    if not isinstance(rows, list):
        raise Misshapen("data is not a list")
    lag = body.get("data_lag")
    return CallReport(
        tuple(_day(row, goals) for row in rows),
        goals=tuple(goals),
        is_sampled=body.get("sampled") is True,
        is_cut=body.get("contains_sensitive_data") is True,
        lag_seconds=lag if isinstance(lag, int) else None,
    )


def _day(row: Any, goals: Sequence[int]) -> ReportedDay:
    try:
        day = date.fromisoformat(row["dimensions"][0]["name"])
        counts = [int(value or 0) for value in row["metrics"]]
    except (KeyError, IndexError, TypeError, ValueError):
        raise Misshapen("a row of the report is not a day with its counts") from None
    if len(counts) != 1 + len(goals):
        raise Misshapen("a row of the report has another number of counts than was asked for")
    return ReportedDay(day, counts[0], dict(zip(goals, counts[1:], strict=True)))
