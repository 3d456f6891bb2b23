from __future__ import annotations

from cabinets.models import Cabinet
from calls.finding import call_ids
from tests import factories
from tests.calls.ledger import make_call


def test_a_call_is_found_by_its_whole_number(cabinet: Cabinet) -> None:
    call = make_call(cabinet=cabinet, external_id="23423423434")
    make_call(cabinet=cabinet, external_id="123423423434")

    assert call_ids(" 23423423434 ", cabinet=cabinet) == [call.pk]
    assert call_ids("2342342343", cabinet=cabinet) == []


def test_calls_are_found_by_the_end_of_the_phone_newest_first(cabinet: Cabinet) -> None:
    older = make_call(cabinet=cabinet, phone="+79161231234")
    newer = make_call(cabinet=cabinet, phone="+79031231234")
    make_call(cabinet=cabinet, phone="+79161234321")
    make_call(cabinet=cabinet, phone="")

    assert call_ids("12-34", cabinet=cabinet) == [newer.pk, older.pk]
    assert call_ids("8 916 123-12-34", cabinet=cabinet) == [older.pk]


def test_another_cabinets_calls_are_found_by_support_only(cabinet: Cabinet) -> None:
    other = make_call(cabinet=factories.make_cabinet(), phone="+79161231234")

    assert call_ids("1234", cabinet=cabinet) == []
    assert call_ids(other.external_id, cabinet=cabinet) == []
    assert call_ids("1234") == [other.pk]
    assert call_ids(other.external_id) == [other.pk]


def test_text_that_is_neither_finds_nothing(cabinet: Cabinet) -> None:
    make_call(cabinet=cabinet)

    assert call_ids("Окна%_'", cabinet=cabinet) == []
