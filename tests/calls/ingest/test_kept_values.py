"""A later record does not take an identifier or a phone away by leaving it out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabinets.models import CallSource
from calls.ingest.kept_values import KeptValues
from calls.models import Call, Delivery
from calls.states import DeliveryState
from counters.models import Counter
from tests import factories
from tests.calls.ingest.parsing.parsed import read
from tests.calls.posting import post_calls

pytestmark = pytest.mark.django_db
GOOD = "1718031415926535897"
TWO_IDS = "1718031415926535897,1718031415926535898"


def post(source: CallSource, *records: dict[str, Any]) -> list[str]:
    base = factories.v3_record(universalId="u-1", callType="", yaClid="", clientNumber="")
    answer = post_calls({"calls": [base | record for record in records]}, source=source)
    return [result["status"] for result in answer.json()["results"]]


def stored() -> tuple[str, str, dict[str, str] | None]:
    call = Call.objects.get()
    return call.kind, call.client_id, call.unreadable_identifiers


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("later", ["", None, TWO_IDS, "1,71E+18"])
def test_identifier_that_was_read_stays(
    source: CallSource, counter: Counter, later: Any, together: bool
) -> None:
    first, second = {"yaClid": GOOD}, {"yaClid": later, "tags": ["Новый"]}

    if together:
        assert post(source, first, second) == ["created", "updated"]
    else:
        assert post(source, first) + post(source, second) == ["created", "updated"]

    assert stored() == ("dynamic", GOOD, None)
    assert Call.objects.get().tags == ["Новый"]
    row = Delivery.objects.get(channel=1)
    assert (row.state, row.is_static, row.id_kind) == (DeliveryState.WAITING, False, 1)


@pytest.mark.parametrize("call_type", ["", "Динамический коллтрекинг"])
def test_unreadable_identifier_that_is_left_out_later_still_waits_for_a_person(
    source: CallSource, counter: Counter, call_type: str
) -> None:
    post(source, {"yaClid": TWO_IDS, "callType": call_type})

    assert post(source, {"callType": call_type, "tags": ["Новый"]}) == ["updated"]

    assert stored() == ("dynamic", "", {"ClientId": TWO_IDS})
    row = Delivery.objects.get(channel=1)
    assert (row.state, row.reason) == (DeliveryState.SKIPPED, "identifier_unreadable")


def test_readable_identifier_takes_the_place_of_an_unreadable_one(
    source: CallSource, counter: Counter
) -> None:
    post(source, {"yaClid": TWO_IDS})

    assert post(source, {"yaClid": GOOD}) == ["updated"]

    assert stored() == ("dynamic", GOOD, None)
    assert Delivery.objects.get(channel=1).state == DeliveryState.WAITING


def test_another_readable_identifier_is_a_correction(source: CallSource) -> None:
    post(source, {"yaClid": GOOD})

    assert post(source, {"yaClid": "5"}) == ["updated"]

    assert stored() == ("dynamic", "5", None)


@pytest.mark.parametrize("later", ["", "anonymous"])
def test_phone_that_was_read_stays(source: CallSource, later: str) -> None:
    post(source, {"clientNumber": "79161234567"})

    assert post(source, {"clientNumber": later, "tags": ["Новый"]}) == ["updated"]

    call = Call.objects.get()
    assert (call.phone, call.phone_text, call.tags) == ("+79161234567", "", ["Новый"])


def test_number_takes_the_place_of_what_was_none(source: CallSource) -> None:
    post(source, {"clientNumber": "anonymous"})

    assert post(source, {"clientNumber": "79161234567"}) == ["updated"]

    call = Call.objects.get()
    assert (call.phone, call.phone_text) == ("+79161234567", "")


VALUES = st.sampled_from(["", GOOD, "7", TWO_IDS])


@given(first=VALUES, second=VALUES, third=VALUES)
def test_nothing_is_both_readable_and_unreadable(first: str, second: str, third: str) -> None:
    kept = KeptValues()
    for value in (first, second, third):
        record = kept.added_to(read(yaClid=value))
        kept = KeptValues.of_record(record)

    readable = [value for value in (first, second, third) if value in (GOOD, "7")]
    assert kept.client_id == (readable[-1] if readable else "")
    is_unreadable = not readable and TWO_IDS in (first, second, third)
    assert kept.unreadable == ({"ClientId": TWO_IDS} if is_unreadable else {})
