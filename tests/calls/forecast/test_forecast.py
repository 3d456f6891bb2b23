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
from calls.forecast import Forecast, record
from calls.forecast.causes import CAUSES, OFTEN_LINKED, RARELY_LINKED
from calls.forecast.sql import forecast_sql
from calls.models import LinkProof, LogRequest
from calls.states import NO_IDENTIFIER, DeliveryState, IdKind, LinkResult
from counters.models import Counter
from tests import factories
from tests.calls.ledger import make_call, make_delivery, make_upload

NOW = datetime(2026, 11, 12, 9, 0, tzinfo=UTC)
REAL = "1718031415926535897"
AFTER = f"{int(NOW.timestamp()) + 7200}123456789"
LINKED, NO_VISIT = LinkResult.LINKED, LinkResult.NO_VISIT
USER, YCLID = IdKind.USER_ID, IdKind.YCLID

#: No identifier was chosen.
UNDECIDED = {"id_kind": None, "state": DeliveryState.SKIPPED, "reason": NO_IDENTIFIER}

pytestmark = pytest.mark.django_db

Row = tuple[dict[str, Any], dict[str, Any], str]
ROWS: list[Row] = [
    ({}, {}, "likely:client_id"),
    ({}, {"is_static": True}, "never:static"),
    ({"kind": "static"}, {"is_static": True}, "never:static"),
    ({"client_id": ""}, UNDECIDED, "never:no_identifier"),
    # It is sent as a static one: that is no cause.
    ({"client_id": ""}, {"is_static": True}, "never:no_identifier"),
    (
        {"client_id": "", "unreadable_identifiers": {"ClientId": "1,7E+18"}},
        UNDECIDED,
        "never:unreadable",
    ),
    ({"started_at": NOW - timedelta(days=21)}, {}, "never:too_old"),
    ({"started_at": NOW - timedelta(days=15)}, {}, "likely:old"),
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
    assert {one.cause for one in found.values()} == set(CAUSES) - {RARELY_LINKED, OFTEN_LINKED}
    assert all(one.probability == CAUSES[one.cause].probability for one in found.values())
    assert all(one.text.startswith("Прогноз: ") for one in found.values())
    assert forecast.of([], now=NOW) == {}


def test_no_row_is_without_a_forecast(counter: Counter) -> None:
    """Values that are NULL or empty are no gap of the expression, and no error."""
    call = make_call(cabinet=counter.cabinet, client_id="1", yclid="", user_id="")
    delivery = make_delivery(call=call, counter=counter, id_kind=USER)

    with connection.cursor() as cursor:
        sql = "FROM calls_delivery d JOIN calls_call c ON c.id = d.call_id WHERE d.id = %s"
        cursor.execute(f"SELECT {forecast_sql()} {sql}", [delivery.pk])
        assert cursor.fetchone() == ("never:no_identifier:0:0:0:no_identifier",)


def test_proved_rows_of_the_counter_go_before_what_the_row_tells(counter: Counter) -> None:
    """Of the same source and cause, as they were known when the file was taken."""
    source = factories.make_source(cabinet=counter.cabinet)
    real, odd = {"client_id": REAL}, {"client_id": "12345"}
    for values, result in [(real, NO_VISIT)] * 30 + [(odd, LINKED)] * 30 + [(odd, NO_VISIT)]:
        prove(counter, result, source=source, **values)
    asked = [
        make_call(cabinet=counter.cabinet, **values)
        for values in (real | {"source": source}, real, odd | {"source": source})
    ]
    rows = [make_delivery(call=call, counter=counter) for call in asked]
    before = forecast.of(rows, now=timezone.now())
    assert [before[one.pk].value for one in rows] == ["likely", "likely", "unlikely"]

    posted_at = timezone.now()
    log = LogRequest.objects.create(
        counter=counter,
        date1=posted_at.date(),
        date2=posted_at.date(),
        requested_at=posted_at,
        next_at=posted_at,
        posted_at=posted_at,
    )
    record.keep(log)
    log.refresh_from_db()
    assert log.record == {f"{source.pk}.client_id": [30, 0], f"{source.pk}.other_form": [31, 30]}

    found = forecast.of(rows, now=posted_at + timedelta(seconds=1))
    prior, odd_prior = (CAUSES[code].probability for code in ("client_id", "other_form"))
    assert [found[one.pk] for one in rows] == [
        Forecast("unlikely", RARELY_LINKED, round(3 * prior / 33, 4), 30, 0, "client_id"),
        Forecast("likely", "client_id", prior, 0, 0, "client_id"),
        Forecast("likely", OFTEN_LINKED, round((30 + 3 * odd_prior) / 34, 4), 31, 30, "other_form"),
    ]
    assert "(ClientID) привязано 0 из 30" in found[rows[0].pk].text
    assert forecast.of(rows, now=posted_at) == before


def test_command_compares_the_forecast_with_the_proofs(counter: Counter) -> None:
    assert printed() == "No row has a link proof yet.\n"
    prove(counter, LinkResult.LINKED)
    prove(counter, LinkResult.NO_VISIT, client_id="12345")

    real, odd = (CAUSES[code].probability for code in ("client_id", "other_form"))
    assert printed().splitlines() == [
        f"Brier score: {((1 - real) ** 2 + odd**2) / 2:.4f}",
        "",
        "| forecast | cause | rows | linked | not linked | forecast share | linked share |",
        "| --- | --- | --: | --: | --: | --: | --: |",
        f"| likely | client_id | 1 | 1 | 0 | {real:.3f} | 1.000 |",
        f"| unlikely | other_form | 1 | 0 | 1 | {odd:.3f} | 0.000 |",
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
