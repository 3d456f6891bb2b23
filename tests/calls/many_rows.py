"""Many rows at once, in a few statements: copies of a stored call with its ledger rows."""

from __future__ import annotations

from datetime import timedelta

from django.db import connection

from calls.models import Call, CallKey, Delivery, Upload

_COPY = """
WITH copies AS (
    INSERT INTO calls_callkey (cabinet_id, external_id, partition_at)
    SELECT k.cabinet_id, k.external_id || '-' || n, k.partition_at - n * %(apart)s::interval
    FROM calls_callkey k, generate_series(1, %(count)s) AS n WHERE k.id = %(call)s
    RETURNING id, external_id, partition_at
), calls AS (
    INSERT INTO calls_call ({call_columns}, id, external_id, partition_at, started_at)
    SELECT {call_values}, new.id, new.external_id, new.partition_at, new.partition_at
    FROM calls_call c, copies new WHERE c.id = %(call)s
)
INSERT INTO calls_delivery ({row_columns}, call_id, partition_at, expires_at)
SELECT {row_values}, new.id, new.partition_at, new.partition_at + interval '21 days'
FROM calls_delivery d, copies new WHERE d.call_id = %(call)s
"""


def copy_call(call: Call, count: int, *, apart: timedelta = timedelta(milliseconds=1)) -> None:
    """Store ``count`` copies of the call and of its ledger rows, each ``apart`` before the last."""
    calls = _columns(Call, without={"id", "external_id", "partition_at", "started_at"})
    rows = _columns(Delivery, without={"id", "call_id", "partition_at", "expires_at"})
    statement = _COPY.format(
        call_columns=", ".join(calls),
        call_values=", ".join(f"c.{name}" for name in calls),
        row_columns=", ".join(rows),
        row_values=", ".join(f"d.{name}" for name in rows),
    )
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"call": call.pk, "count": count, "apart": f"{apart.total_seconds()} s"}
        )
    analyze(Call, CallKey, Delivery, Upload)


def analyze(*models: type[Call | CallKey | Delivery | Upload]) -> None:
    """Renew the statistics of the planner."""
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(f"ANALYZE {model._meta.db_table}")


def _columns(model: type[Call | Delivery], *, without: set[str]) -> list[str]:
    columns = [str(field.column) for field in model._meta.concrete_fields]
    return [name for name in columns if name not in without]
