"""Phones of clients: what is a number, in which country, and what is kept as it came."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls.ingest.parsing.phone import parse_phone
from calls.ingest.parsing.record import CallRecord, read_record
from tests.calls.ingest.parsing.parsed import NOW, read
from tests.calls.ingest.parsing.reports import BASE, REPORTS


@pytest.mark.parametrize(
    ("number", "phone"),
    [
        ("79161234567", "+79161234567"),
        (79161234567, "+79161234567"),
        (79161234567.0, "+79161234567"),
        ("79161234567.0", "+79161234567"),
        ("79161234567,0", "+79161234567"),
        ("+7 (916) 123-45-67", "+79161234567"),
        ("8 (916) 000-00-01", "+79160000001"),
        ("8-916-123-45-67", "+79161234567"),
        ("8 916 123 45 67", "+79161234567"),
        ("\u200e+7 916 123\u201145\u201167", "+79161234567"),
        ("+7 (8 916) 000-00-01", "+79160000001"),
        ("+89160000001", "+79160000001"),
        ("+88005553535", "+78005553535"),
        ("9160000001", "+79160000001"),
        ("375291234567", "+375291234567"),
        ("+375 29 123-45-67", "+375291234567"),
        ("00375291234567", "+375291234567"),
        ("810375291234567", "+375291234567"),
        ("8~10 375 29 1234567", "+375291234567"),
        ("+49 (0) 30 1234567", "+49301234567"),
        ("+84 24 3825 7863", "+842438257863"),
        ("74950000000 [12]", "+74950000000"),
        ("74950000000 доб. 12", "+74950000000"),
        ("74950000000 доб12", "+74950000000"),
        ("74950000000 добав. 12", "+74950000000"),
        ("74950000000 (доб. 12)", "+74950000000"),
        ("74950000000 вн. 12", "+74950000000"),
        ("74950000000 вн 12", "+74950000000"),
        ("74950000000, внутр. 12", "+74950000000"),
        ("74950000000 внутренний 12", "+74950000000"),
        ("74950000000 ext 12", "+74950000000"),
        ("74950000000#12", "+74950000000"),
        ("74950000000 # 12", "+74950000000"),
        ("74950000000,,12", "+74950000000"),
        ("74950000000,12", "+74950000000"),
        ("+7 495 000-00-00 ext. 5", "+74950000000"),
        ("74950000000;ext=12", "+74950000000"),
        ("tel:+7-916-123-45-67", "+79161234567"),
        ("sip:79161234567@sip.site.ru", "+79161234567"),
        ('"Иван" <sip:+79161234567@sip.site.ru:5060;user=phone>', "+79161234567"),
        ("79161234567@sip.site.ru", "+79161234567"),
    ],
)
def test_number_is_read_from_every_usual_shape(number: Any, phone: str) -> None:
    call = read(clientNumber=number)

    assert (call.phone, call.phone_text) == (phone, "")


@pytest.mark.parametrize(("number", "phone"), REPORTS["phones"].items())
def test_phone_of_the_reports(number: str, phone: str) -> None:
    call = read(**(BASE | {"clientNumber": number}))

    assert (call.phone, call.phone_text) == (phone, "" if phone else number)


@pytest.mark.parametrize(
    "number",
    [
        "1234567",
        "80291234567",
        "7999999999",
        "7,916E+10",
        "7.916e10",
        "7,91612E+10",
        "+70123456789",
        "anonymous",
        "8916000000l",
        "1-800-FLOWERS",
        "79160000001, 79160000002",
        "79160000001/79160000002",
        "8123",
        "112",
        "+",
        "sip:ivan@sip.site.ru",
    ],
)
def test_what_is_no_valid_number_is_kept_as_it_came_and_not_read(number: str) -> None:
    call = read(clientNumber=number)

    assert (call.phone, call.phone_text) == ("", number)


@pytest.mark.parametrize(
    "absent", [None, "", "-", [], {}, True, "null", "undefined", "None", "{phone}", "unknown"]
)
def test_absent_number_is_empty(absent: Any) -> None:
    call = read(clientNumber=absent)

    assert (call.phone, call.phone_text) == ("", "")


def test_number_of_the_second_field_is_read_beside_a_placeholder() -> None:
    call = read(clientNumber="null", clientPhone="79161234567")

    assert (call.phone, call.phone_text) == ("+79161234567", "")


@pytest.mark.parametrize(
    ("region", "number", "phone"),
    [
        ("BY", "80291234567", "+375291234567"),
        ("BY", "8 029 123-45-67", "+375291234567"),
        ("BY", "0 29 123-45-67", "+375291234567"),
        ("BY", "291234567", "+375291234567"),
        ("BY", "+89160000001", "+79160000001"),
        ("RU", "291234567", ""),
        ("UZ", "901234567", "+998901234567"),
        ("TR", "0532 123 45 67", "+905321234567"),
        ("BY", "79161234567", "+79161234567"),
        ("TR", "8 (916) 123-45-67", "+79161234567"),
    ],
)
def test_number_without_country_code_is_of_the_sources_country(
    region: str, number: str, phone: str
) -> None:
    item = {"universalId": "1", "callTime": 1_795_418_400, "clientNumber": number}

    call = read_record(item, source_id="src_1", zone=None, now=NOW, region=region)

    assert isinstance(call, CallRecord)
    assert (call.phone, call.phone_text) == (phone, "" if phone else number)


@given(st.from_regex(r"\+(375(25|29|33|44)[0-9]{7}|49301[0-9]{6}|7[49][0-9]{9})", fullmatch=True))
def test_explicit_plus_is_never_overruled(number: str) -> None:
    assert parse_phone(number, "RU") in {number, ""}


@given(st.text(max_size=60))
def test_any_text_gives_e164_or_nothing(text: str) -> None:
    phone = parse_phone(text, "RU")

    assert phone == "" or (phone[0] == "+" and phone[1:].isascii() and phone[1:].isdigit())
    assert len(phone) <= 16
