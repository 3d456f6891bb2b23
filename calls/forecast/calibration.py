"""Compares the forecast with what Metrika's logs said: Brier score and a table by cause."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from calls.forecast.causes import CAUSES
from calls.forecast.sql import forecast_sql
from calls.states import LinkResult

_BY_CAUSE = f"""
SELECT forecast, count(*), count(*) FILTER (WHERE result = {LinkResult.LINKED:d}) FROM (
    SELECT {forecast_sql("d", "c")} AS forecast, p.result
    FROM calls_linkproof p
    JOIN calls_delivery d ON d.call_id = p.call_id AND d.partition_at = p.partition_at
        AND d.upload_id = p.upload_id AND d.row_number = p.row_number
    JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
) AS proved
GROUP BY forecast ORDER BY forecast
"""


@dataclass(frozen=True)
class Line:
    """The proved rows of one cause."""

    value: str
    cause: str
    rows: int
    linked: int

    @property
    def squares(self) -> float:
        """The sum of the squared differences between forecast and truth."""
        p = CAUSES[self.cause].probability
        return self.linked * (1 - p) ** 2 + (self.rows - self.linked) * p**2


def lines() -> list[Line]:
    """Return a line for each cause that a proved row has, in one query over all of them."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_CAUSE)
        found = [(name.partition(":"), *counts) for name, *counts in cursor.fetchall()]
    return [Line(name[0], name[2], rows, linked) for name, rows, linked in found]


def brier_score(found: list[Line]) -> float | None:
    """Return the mean squared difference, 0 for a perfect forecast; None without proved rows."""
    rows = sum(line.rows for line in found)
    return sum(line.squares for line in found) / rows if rows else None


def report(found: list[Line]) -> str:
    """Return the table in Markdown."""
    score = brier_score(found)
    if score is None:
        return "No row has a link proof yet.\n"
    head = "| forecast | cause | probability | rows | linked | not linked |\n|" + " --- |" * 6
    body = [
        f"| {one.value} | {one.cause} | {CAUSES[one.cause].probability:.2f} | {one.rows} |"
        f" {one.linked} | {one.rows - one.linked} |"
        for one in found
    ]
    return "\n".join([f"Brier score: {score:.4f}", "", head, *body, ""])
