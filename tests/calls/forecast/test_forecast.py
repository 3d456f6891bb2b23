"""The forecast of a link: one cause a row, from the values that are sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from calls import forecast
from calls.forecast.causes import CAUSES
from calls.forecast.sql import forecast_sql
from calls.states import NO_IDENTIFIER, DeliveryState, IdKind
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery

NOW = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)
REAL = "1718031415926535897"
AFTER = f"{int(NOW.timestamp()) + 7200}123456789"
USER, YCLID = IdKind.USER_ID, IdKind.YCLID

#: No identifier was chosen.
UNDECIDED = {"id_kind": None, "state": DeliveryState.SKIPPED, "reason": NO_IDENTIFIER}

pytestmark = pytest.mark.django_db

Row = tuple[dict[str, Any], dict[str, Any], str]
ROWS: list[Row] = [
    ({}, {}, "likely:client_id"),
    ({}, {"is_static": True}, "never:static"),
    ({"client_id": ""}, UNDECIDED, "never:no_identifier"),
    (
        {"client_id": "", "unreadable_identifiers": {"ClientId": "1,7E+18"}},
        UNDECIDED,
        "never:unreadable",
    ),
    ({"started_at": NOW - timedelta(days=21)}, {}, "never:too_old"),
    ({"started_at": NOW - timedelta(days=15)}, {}, "unlikely:old"),
    ({"started_at": NOW - timedelta(days=13)}, {}, "likely:client_id"),
    ({"client_id": "GA1.2.33"}, {}, "unlikely:other_form"),
    ({"client_id": "7718031415926535897"}, {}, "unlikely:other_form"),
    ({"client_id": AFTER}, {}, "unlikely:later_visit"),
    ({"client_id": "", "yclid": "77"}, {"id_kind": YCLID}, "likely:yclid"),
    ({"client_id": AFTER, "yclid": "77"}, {"id_kind": YCLID}, "likely:yclid"),
    ({"client_id": "", "user_id": "u-1"}, {"id_kind": USER}, "likely:user_id"),
    ({"client_id": REAL, "user_id": "u-1"}, UNDECIDED, "likely:client_id"),
]


def test_each_row_has_one_cause(counter: Counter, django_assert_num_queries: Any) -> None:
    deliveries = []
    for call_values, values, _expected in ROWS:
        start: dict[str, Any] = {"started_at": NOW - timedelta(hours=1), "client_id": REAL}
        call = make_call(cabinet=counter.cabinet, **start | call_values)
        deliveries.append(make_delivery(call=call, counter=counter, **values))

    with django_assert_num_queries(1):
        found = forecast.of(deliveries, now=NOW)

    told = [f"{found[one.pk].value}:{found[one.pk].cause}" for one in deliveries]
    assert told == [expected for _call, _values, expected in ROWS]
    assert {one.cause for one in found.values()} == set(CAUSES)
    assert all(one.text.startswith("Прогноз: ") for one in found.values())
    assert forecast.of([], now=NOW) == {}


def test_no_row_is_without_a_forecast(counter: Counter) -> None:
    """Values that are NULL or empty are no gap of the expression, and no error."""
    call = make_call(cabinet=counter.cabinet, client_id="1", yclid="", user_id="")
    delivery = make_delivery(call=call, counter=counter, id_kind=USER)

    with connection.cursor() as cursor:
        sql = "FROM calls_delivery d JOIN calls_call c ON c.id = d.call_id WHERE d.id = %s"
        cursor.execute(f"SELECT {forecast_sql()} {sql}", [delivery.pk])
        assert cursor.fetchone() == ("never:no_identifier",)
