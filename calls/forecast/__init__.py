"""Forecast of the link: whether Metrika will find the visit of a row, told before it is sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from calls.forecast.causes import CAUSES, KINDS, TONES
from calls.forecast.sql import forecast_sql
from calls.models import Delivery

_FORECASTS = f"""
SELECT d.id, {forecast_sql("d", "c", now="%(now)s::timestamptz")}
FROM unnest(%(calls)s::bigint[], %(moments)s::timestamptz[], %(counters)s::bigint[],
    %(channels)s::int[]) AS w(call_id, at, counter_id, channel)
JOIN calls_delivery d ON d.call_id = w.call_id AND d.partition_at = w.at
    AND d.counter_id = w.counter_id AND d.channel = w.channel
JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
"""


@dataclass(frozen=True)
class Forecast:
    """Of one row of the ledger."""

    #: `likely`, `unlikely` or `never`.
    value: str
    #: A code of `CAUSES`.
    cause: str
    #: How likely a link is.
    probability: float
    #: The counter's newest proved rows of the same source and cause, and those that are linked.
    proved: int
    linked: int
    #: A code of `CAUSES`: what the row itself tells.
    own_cause: str

    @property
    def text(self) -> str:
        """A sentence that says that it is a forecast, and its cause."""
        kind = KINDS.get(self.own_cause, KINDS["client_id"])
        return str(CAUSES[self.cause].text) % {
            "kind": kind,
            "proved": self.proved,
            "linked": self.linked,
        }

    @property
    def tone(self) -> str:
        """The colour of its value."""
        return TONES[self.value]

    @classmethod
    def read(cls, found: str) -> Forecast:
        """Return the forecast that the expression of `calls.forecast.sql` gave."""
        value, cause, probability, proved, linked, own_cause = found.split(":")
        return cls(value, cause, float(probability), int(proved), int(linked), own_cause)


def of(deliveries: Iterable[Delivery], *, now: datetime | None = None) -> dict[int, Forecast]:
    """Return the forecast of each delivery by its id, in one query."""
    rows = list(deliveries)
    if not rows:
        return {}
    values: dict[str, Any] = {
        "calls": [one.call_id for one in rows],
        "moments": [one.partition_at for one in rows],
        "counters": [one.counter_id for one in rows],
        "channels": [one.channel for one in rows],
        "now": now or timezone.now(),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FORECASTS, values)
        return {pk: Forecast.read(found) for pk, found in cursor.fetchall()}
