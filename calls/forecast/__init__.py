"""Forecast of the link: whether Metrika will find the visit of a row, told before it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from calls.forecast.causes import CAUSES
from calls.forecast.sql import forecast_sql
from calls.models import Delivery

_FORECASTS = f"""
SELECT d.id, {forecast_sql("d", "c", now="%(now)s::timestamptz")}
FROM unnest(%(ids)s::bigint[], %(moments)s::timestamptz[]) AS w(id, at)
JOIN calls_delivery d ON d.id = w.id AND d.partition_at = w.at
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
"""


@dataclass(frozen=True)
class Forecast:
    """Of one row of the ledger."""

    #: `likely`, `unlikely` or `never`.
    value: str
    #: A code of `CAUSES`.
    cause: str

    @property
    def text(self) -> str:
        """A sentence that says that it is a forecast, and its cause."""
        return str(CAUSES[self.cause].text)

    @property
    def probability(self) -> float:
        """How likely a link is."""
        return CAUSES[self.cause].probability


def of(deliveries: Iterable[Delivery], *, now: datetime | None = None) -> dict[int, Forecast]:
    """Return the forecast of each delivery by its id, in one query."""
    rows = [(one.pk, one.partition_at) for one in deliveries]
    if not rows:
        return {}
    values: dict[str, Any] = {
        "ids": [pk for pk, _at in rows],
        "moments": [at for _pk, at in rows],
        "now": now or timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FORECASTS, values)
        return {pk: Forecast(*found.split(":")) for pk, found in cursor.fetchall()}
