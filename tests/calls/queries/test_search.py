"""Search for calls by external id and by the end of a phone."""

from __future__ import annotations

import pytest

from cabinets.models import Cabinet
from calls.queries.search import call_ids
from tests import factories
from tests.calls.ledger import make_call


def test_call_is_found_by_its_whole_external_id(cabinet: Cabinet) -> None:
    call = make_call(cabinet=cabinet, external_id="23423423434")
    make_call(cabinet=cabinet, external_id="123423423434")

    assert call_ids(" 23423423434 ", cabinet=cabinet, sees_phones=True) == [call.pk]
    assert call_ids("2342342343", cabinet=cabinet, sees_phones=True) == []


def test_calls_are_found_by_the_end_of_the_phone_newest_first(cabinet: Cabinet) -> None:
    older = make_call(cabinet=cabinet, phone="+79161231234")
    newer = make_call(cabinet=cabinet, phone="+79031231234")
    make_call(cabinet=cabinet, phone="+79161234321")
    make_call(cabinet=cabinet, phone="")

    assert call_ids("12-34", cabinet=cabinet, sees_phones=True) == [newer.pk, older.pk]
    assert call_ids("8 916 123-12-34", cabinet=cabinet, sees_phones=True) == [older.pk]


def test_calls_of_another_cabinet_are_found_by_support_only(cabinet: Cabinet) -> None:
    other = make_call(cabinet=factories.make_cabinet(), phone="+79161231234")

    assert call_ids("1234", cabinet=cabinet, sees_phones=True) == []
    assert call_ids(other.external_id, cabinet=cabinet, sees_phones=True) == []
    assert call_ids("1234", sees_phones=True) == [other.pk]
    assert call_ids(other.external_id, sees_phones=True) == [other.pk]


def test_other_text_finds_nothing(cabinet: Cabinet) -> None:
    make_call(cabinet=cabinet)

    assert call_ids("Окна%_'", cabinet=cabinet, sees_phones=True) == []


@pytest.mark.parametrize(
    ("typed", "is_found"),
    [("4567", True), ("34567", False), ("161234567", False), ("+7 916 123-45-67", True)],
)
def test_masked_number_is_not_revealed_digit_by_digit(
    cabinet: Cabinet, typed: str, is_found: bool
) -> None:
    call = make_call(cabinet=cabinet, phone="+79161234567")

    assert call_ids(typed, sees_phones=False) == ([call.pk] if is_found else [])
    assert call_ids(typed, sees_phones=True) == [call.pk]


def test_completely_masked_number_is_not_found_by_its_end(cabinet: Cabinet) -> None:
    call = make_call(cabinet=cabinet, phone="+12345678")
    longer = make_call(cabinet=cabinet, phone="+912345678")

    assert call_ids("5678", sees_phones=False) == [longer.pk]
    assert call_ids("5678", sees_phones=True) == [longer.pk, call.pk]
