"""What the sentence and the picture of an unusual flow show: numbers of the rows that decided."""

from __future__ import annotations

from typing import Any

from notices.baseline.judge import Finding
from notices.baseline.profile import usual_range
from notices.conditions.series import HOUR, Counts, Window, hour_of, slot_of
from notices.conditions.usual import SHARES
from notices.models import Baseline

#: Hours in the picture.
SHOWN_HOURS = 12


def facts_of(row: Baseline, finding: Finding, window: Window, counts: Counts) -> dict[str, Any]:
    """Return the facts of a condition, for JSON."""
    begin = window.end - finding.length * HOUR
    facts: dict[str, Any] = {
        "observed": finding.observed,
        "expected": round(finding.expected, 1),
        "since": begin.isoformat(),
        "until": window.until.replace(second=0, microsecond=0).isoformat(),
    }
    if row.kind in SHARES:
        return facts | {
            "whole": finding.whole,
            "percent": _percent(finding.observed, finding.whole),
            "usual": _percent(finding.expected, finding.whole),
        }
    low, high = usual_range(finding.expected, finding.variance)
    return facts | {
        "low": round(low),
        "high": round(high),
        "hours": _shown(row, window, counts),
    }


def _percent(part: float, whole: int) -> int:
    return round(100 * part / whole) if whole else 0


def _shown(row: Baseline, window: Window, counts: Counts) -> list[list[Any]]:
    """Return the last whole hours, oldest first: when, what came, what is usual."""
    newest = hour_of(window.until)
    hours = [newest - number * HOUR for number in range(SHOWN_HOURS, 0, -1)]
    return [
        [
            hour.isoformat(),
            counts.get(hour, (0, 0))[0],
            round(row.values[slot_of(hour, window.zone)], 1),
        ]
        for hour in hours
    ]
