"""Another call under a known id is rejected and flags the known one; a correction is an update."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from cabinets.models import CallSource
from calls.ingest.parsing.record import read_records
from calls.ingest.store import store_calls
from calls.models import Call, Delivery, Way
from counters.models import Counter
from tests import factories
from tests.calls.ingest.parsing.reports import BASE, REPORTS
from tests.calls.ingest.storing import store
from tests.calls.posting import post_calls

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
START = 1_795_000_000
UNFINISHED = {"statusFirst": 707, "statusSecond": 0, "status": ""}


def record(**fields: Any) -> dict[str, Any]:
    """Return a record whose id is an integer that a double could have rounded."""
    item: dict[str, Any] = BASE | REPORTS["numbers_in_json"] | {"callTime": START} | fields
    return item


@pytest.mark.parametrize(
    ("other", "start", "phone"),
    [
        ({"callTime": START + 6}, "2026-11-18T11:06:46+00:00", "+79160000001"),
        ({"callTime": START - 3600, "clientNumber": ""}, "2026-11-18T10:06:40+00:00", ""),
        ({"callTime": START + 901}, "2026-11-18T11:21:41+00:00", "+79160000001"),
        ({"callTime": START - 26 * 3600 - 900}, "2026-11-17T08:51:40+00:00", "+79160000001"),
        ({"clientNumber": "79031112233"}, "2026-11-18T11:06:40+00:00", "+79031112233"),
        (UNFINISHED | {"clientNumber": "79031112233"}, "2026-11-18T11:06:40+00:00", "+79031112233"),
        (UNFINISHED | {"callTime": START - 86_401}, "2026-11-17T11:06:39+00:00", "+79160000001"),
    ],
)
def test_other_call_under_a_known_id_changes_nothing(
    source: CallSource, counter: Counter, other: dict[str, Any], start: str, phone: str
) -> None:
    store(source, record(), now=NOW)
    before = Call.objects.values().get()
    rows = list(Delivery.objects.order_by("channel").values())

    [result] = store(source, record(**other), now=LATER)

    assert (result.status, result.call_id) == ("rejected", None)
    assert result.error is not None
    assert (result.error.code, result.error.field) == ("identity_conflict", "universalId")
    flagged = {
        "conflict_at": LATER,
        "conflict": {"started_at": start, "phone": phone, "phone_text": ""},
    }
    assert Call.objects.values().get() == before | flagged
    assert list(Delivery.objects.order_by("channel").values()) == rows


def test_rejection_names_both_calls(source: CallSource) -> None:
    other = record(callTime=START + 600, clientNumber="7903")

    error = store(source, record(), other, now=NOW)[1].error

    assert error is not None
    assert error.message == (
        "Номер 23423423434434236 уже у другого звонка: тот начался 2026-11-18 11:06:40 UTC, "
        "телефон +7 *** ***-00-01, а этот — 2026-11-18 11:16:40 UTC, телефон ****. Сохранён "
        "первый, этот отклонён. У каждого звонка должен быть свой номер; передавайте его текстом: "
        "целые числа от 2⁵³ по дороге округляются."
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"duration": 90, "tags": ["Новый"], "status": "fail", "site": "mysite.ru"}),
        ({}, {"managerNumber": "74951112233"}),
        ({}, {"callTime": START + 5}),
        ({}, {"callTime": START - 5}),
        ({}, {"callTime": START - 3 * 3600}),
        ({}, {"callTime": START + 900}),
        ({}, {"callTime": START - 26 * 3600}),
        ({"clientNumber": "7916***0001"}, {}),
        ({"clientNumber": "7916000000*"}, {}),
        ({"clientNumber": "+7 (916) XXX-XX-99"}, {}),
        ({"clientNumber": "0001"}, {}),
        ({}, {"clientNumber": "7916***4567"}),
        ({"clientNumber": "", "yaClid": "12"}, {"yaClid": "13"}),
        ({"clientNumber": "", "yaClid": "12"}, {"clientNumber": "", "yaClid": "13"}),
        ({"clientNumber": ""}, {}),
        ({"clientNumber": "anonymous"}, {}),
        ({"clientNumber": "000"}, {}),
        ({}, {"clientNumber": ""}),
        ({}, {"clientNumber": "8 (916) 000-00-01"}),
        ({}, {"clientNumber": "9160000001"}),
        (UNFINISHED, {}),
        (UNFINISHED, {"callTime": START + 5}),
        (UNFINISHED, {"callTime": START + 3600}),
        (UNFINISHED | {"clientNumber": ""}, {"callTime": START + 90}),
    ],
)
def test_correction_is_an_update(
    source: CallSource, first: dict[str, Any], second: dict[str, Any]
) -> None:
    store(source, record(**first), now=NOW)

    [result] = store(source, record(**second), now=LATER)

    assert (result.status, result.error) == ("updated", None)
    call = Call.objects.get()
    assert (call.revision, call.conflict_at, call.conflict) == (2, None, None)


@pytest.mark.parametrize(
    ("number", "formerly"), [("80291234567", "+70291234567"), ("1234567", "+1234567")]
)
def test_phone_as_earlier_versions_read_it_is_the_same(
    source: CallSource, number: str, formerly: str
) -> None:
    store(source, record(clientNumber=number), now=NOW)
    Call.objects.update(phone=formerly, phone_text="")

    [result] = store(source, record(clientNumber=number, duration=90), now=LATER)

    assert result.status == "updated"


@pytest.mark.parametrize("field", ["clientNumber", "clientPhone"])
def test_number_is_the_same_after_the_country_of_the_source_was_corrected(
    source: CallSource, field: str
) -> None:
    item = record(clientNumber="", **UNFINISHED) | {field: "80291234567"}
    before = read_records([item], source_id="s", zone=None, now=NOW, region="BY")
    store_calls(source=source, records=before, now=NOW, way=Way.API)
    assert Call.objects.get().phone == "+375291234567"

    [result] = store(source, record(clientNumber="") | {field: "80291234567"}, now=LATER)

    assert result.status == "updated"
    assert Call.objects.get().is_finished


def test_outdated_record_of_the_same_call_is_a_duplicate(source: CallSource) -> None:
    store(source, record(), now=NOW)

    [result] = store(source, record(callTime=START - 120, **UNFINISHED), now=LATER)

    assert result.status == "duplicate"
    assert Call.objects.get().conflict_at is None


def test_two_calls_with_one_id_in_one_request(source: CallSource) -> None:
    items = [record(), record(callTime=START + 600), record(tags=["Новый"])]

    results = store(source, *items, now=NOW)

    assert [one.status for one in results] == ["created", "rejected", "updated"]
    call = Call.objects.get()
    assert (call.started_at.timestamp(), call.tags, call.conflict_at) == (START, ["Новый"], NOW)


def test_same_conflict_again_is_no_news(source: CallSource) -> None:
    store(source, record(), now=NOW)
    for moment in (LATER, LATER + timedelta(hours=1)):
        [result] = store(source, record(callTime=START + 600), now=moment)

    assert result.status == "rejected"
    assert Call.objects.get().conflict_at == LATER


def test_other_call_under_the_id_of_a_dropped_month_is_rejected(source: CallSource) -> None:
    store(source, record(), now=NOW)
    Call.objects.all().delete()

    [same, other] = store(source, record(tags=[]), record(callTime=START + 86_401), now=LATER)

    assert (same.status, other.status) == ("duplicate", "rejected")


def test_field_that_names_the_call_is_blamed(source: CallSource) -> None:
    item = record(universalId="", ctCallId=559)

    results = store(source, item, item | {"clientNumber": "79031112233"}, now=NOW)

    assert results[1].error is not None
    assert (results[1].error.field, results[1].external_id) == ("ctCallId", "calltracking-559")


def test_conflicts_are_flagged_by_one_statement(source: CallSource) -> None:
    items = [record(universalId=str(number)) for number in range(1, 101)]
    store(source, *items, now=NOW)

    with CaptureQueriesContext(connection) as one:
        store(source, items[0] | {"callTime": START + 600}, now=NOW)
    with CaptureQueriesContext(connection) as many:
        store(source, *[item | {"callTime": START + 660} for item in items], now=NOW)

    assert len(many) == len(one)
    assert Call.objects.filter(conflict_at=NOW).count() == 100


def test_answer_names_the_conflict(source: CallSource) -> None:
    item = factories.v3_record()
    post_calls(item, source=source)

    response = post_calls(item | {"clientNumber": "79031112233"}, source=source)

    assert response.status_code == 202
    [result] = response.json()["results"]
    assert (result["status"], result["error"]["code"]) == ("rejected", "identity_conflict")
    assert (result["universalId"], "call_id" in result) == (item["universalId"], False)
    assert "79031112233" not in response.content.decode()


def test_page_of_the_call_tells_the_conflict(
    source: CallSource, owner_client: Client, viewer_client: Client
) -> None:
    store(source, record(), now=NOW)
    store(source, record(callTime=START + 600, clientNumber="79031112233"), now=LATER)
    url = reverse("calls:journey", args=[Call.objects.get().pk])

    page = owner_client.get(url).content.decode()
    masked = viewer_client.get(url).content.decode()

    assert (
        "С этим же номером звонка пришёл другой звонок: начало 18 ноября 2026, 14:16:40, телефон "
        "+7 903 111-22-33. Он не сохранён, здесь — первый."
    ) in page
    assert "телефон +7 *** ***-22-33. Он не сохранён" in masked
