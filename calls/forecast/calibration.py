"""Compares the forecast with what Metrika's logs said: Brier score and a table by cause."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from calls.forecast.sql import forecast_sql
from calls.states import LinkResult

#: Of a relation `proved` with the forecast and the result of each row.
BY_CAUSE = """
SELECT split_part(forecast, ':', 1), split_part(forecast, ':', 2), count(*),
       count(*) FILTER (WHERE is_linked),
       sum(split_part(forecast, ':', 3)::float8),
       sum((is_linked::int - split_part(forecast, ':', 3)::float8) ^ 2)
FROM proved GROUP BY 1, 2 ORDER BY 1, 2
"""
_PROVED = f"""
SELECT {forecast_sql("d", "c")} AS forecast, p.result = {LinkResult.LINKED:d} AS is_linked
FROM calls_linkproof p
JOIN calls_delivery d ON d.call_id = p.call_id AND d.partition_at = p.partition_at
    AND d.counter_id = p.counter_id AND d.channel = p.channel
    AND d.upload_id = p.upload_id AND d.row_number = p.row_number
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
"""


@dataclass(frozen=True)
class Line:
    """The proved rows of one cause."""

    value: str
    cause: str
    rows: int
    linked: int
    #: The sum of the probabilities that were forecast.
    expected: float
    #: The sum of the squared differences between forecast and truth.
    squares: float


def lines() -> list[Line]:
    """Return a line for each cause that a proved row has, in one query over all of them.

    Each forecast is the one of the moment at which Metrika took the file: of what was proved
    later it knows nothing.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"WITH proved AS ({_PROVED}) {BY_CAUSE}")
        return [Line(*found) for found in cursor.fetchall()]


def brier_score(found: list[Line]) -> float | None:
    """Return the mean squared difference, 0 for a perfect forecast; None without proved rows."""
    rows = sum(line.rows for line in found)
    return sum(line.squares for line in found) / rows if rows else None


def report(found: list[Line]) -> str:
    """Return the table in Markdown."""
    score = brier_score(found)
    if score is None:
        return "No row has a link proof yet.\n"
    return f"Brier score: {score:.4f}\n\n{table(found)}\n"


def table(found: list[Line]) -> str:
    """Return a row for each cause, in Markdown."""
    head = "| forecast | cause | rows | linked | not linked | forecast share | linked share |"
    body = [
        f"| {one.value} | {one.cause} | {one.rows} | {one.linked} | {one.rows - one.linked} |"
        f" {one.expected / one.rows:.3f} | {one.linked / one.rows:.3f} |"
        for one in found
    ]
    return "\n".join([head, "| --- | --- |" + " --: |" * 5, *body])
