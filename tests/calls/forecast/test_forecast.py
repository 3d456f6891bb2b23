"""The forecast of a link: one cause a row, from the values that are sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from calls import forecast
from calls.forecast.causes import CAUSES
from calls.forecast.sql import forecast_sql
from calls.models import LinkProof
from calls.states import NO_IDENTIFIER, DeliveryState, IdKind, LinkResult
from counters.models import Counter
from tests.calls.ledger import make_call, make_delivery, make_upload

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


def test_command_compares_the_forecast_with_the_proofs(counter: Counter) -> None:
    assert printed() == "No row has a link proof yet.\n"
    prove(counter, LinkResult.LINKED)
    prove(counter, LinkResult.NO_VISIT, client_id="12345")

    brier = (0.05**2 + 0.1**2) / 2
    assert printed().splitlines() == [
        f"Brier score: {brier:.4f}",
        "",
        "| forecast | cause | probability | rows | linked | not linked |",
        "| --- | --- | --- | --- | --- | --- |",
        "| likely | client_id | 0.95 | 1 | 1 | 0 |",
        "| unlikely | other_form | 0.10 | 1 | 0 | 1 |",
    ]


def printed() -> str:
    output = StringIO()
    call_command("calibrate_forecast", stdout=output)
    return output.getvalue()


def prove(counter: Counter, result: LinkResult, **fields: Any) -> None:
    """Create a sent row of a call of an hour ago, with what the logs say of it."""
    call = make_call(cabinet=counter.cabinet, **fields)
    upload = make_upload(counter=counter, accepted_at=timezone.now())
    make_delivery(call=call, counter=counter, upload=upload)
    LinkProof.objects.create(
        upload=upload,
        row_number=1,
        call=call,
        partition_at=call.partition_at,
        cabinet=counter.cabinet,
        counter=counter,
        channel=upload.channel,
        result=result,
        proved_at=timezone.now(),
    )
