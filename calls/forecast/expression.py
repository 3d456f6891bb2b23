"""The forecast as an expression over rows of `Delivery`, for filters and lists."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import DateTimeField, F, Func, Q, QuerySet, TextField, Value
from django.db.models.functions import Cast

from calls.forecast.sql import forecast_sql
from calls.models import Delivery
from calls.states import DeliveryState

D = TypeVar("D", bound=Delivery)

#: Columns of a delivery that the forecast reads.
_COLUMNS = (
    *("call_id", "partition_at", "counter_id", "id_kind"),
    *("is_static", "expires_at", "upload_id"),
)
#: Rows that have a forecast: they are to be sent, or were. Of those that were it is the forecast
#: of the moment at which Metrika took them.
STATES = (DeliveryState.WAITING, DeliveryState.BATCHED)
HAS_FORECAST = Q(state__in=STATES)


class _ForecastOf(Func):
    """Reads the call of the row by its key; the columns come as arguments, under any alias."""

    output_field = TextField()
    # With the schema: `calls.queries.ledger_walk` reads some calls under the name of their table,
    # and these have no index.
    template = f"""(SELECT {forecast_sql("row_d", "row_c", now="row_d.now_at")}
        FROM (VALUES (%(expressions)s)) AS row_d({", ".join(_COLUMNS)}, now_at)
        JOIN public.calls_call row_c ON row_c.id = row_d.call_id
            AND row_c.partition_at = row_d.partition_at)"""


def with_forecast(rows: QuerySet[Any], *, now: datetime) -> QuerySet[Any]:
    """Annotate `forecast`: what `calls.forecast.Forecast.read` reads."""
    moment = Cast(Value(now), DateTimeField())
    found: QuerySet[Any] = rows.annotate(forecast=_ForecastOf(*map(F, _COLUMNS), moment))
    return found


def with_value(rows: QuerySet[Any], value: str, *, now: datetime) -> QuerySet[Any]:
    """Return those of the rows whose forecast has this value."""
    found = with_forecast(rows.filter(HAS_FORECAST), now=now)
    return found.filter(forecast__startswith=f"{value}:")


def those_with_forecast(rows: Iterable[D]) -> list[D]:
    """Return those of the rows that have a forecast."""
    return [one for one in rows if one.state in STATES]
