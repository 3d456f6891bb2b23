"""Masked and readable phones, and the search text for them."""

from __future__ import annotations

import pytest

from calls.phones import (
    MASKABLE_DIGITS,
    digits_of,
    masked_phone,
    readable_phone,
    searched_end,
    with_masked_phones,
)


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+79161231234", "+7 *** ***-12-34"),
        ("79161231234", "+7 *** ***-12-34"),
        ("+4915112345678", "*** ***-56-78"),
        ("+123456789", "*** ***-67-89"),
        ("+12345678", "********"),
        ("+12345", "*****"),
        ("123", "***"),
        ("+7******4567", "+7 *** ***-45-67"),
        ("+1****6789", "*** ***-67-89"),
        ("", ""),
    ],
)
def test_masked_phone_keeps_its_last_four_digits_only(phone: str, masked: str) -> None:
    assert masked_phone(phone) == masked


@pytest.mark.parametrize("length", range(3, 13))
def test_masked_phone_shows_no_more_digits_than_it_hides(length: int) -> None:
    shown = len(digits_of(masked_phone("+" + "123456789012"[:length])))

    assert shown == (4 if length >= MASKABLE_DIGITS else 0)
    assert shown <= length - shown


def test_russian_number_is_written_in_groups() -> None:
    assert readable_phone("+79161231234") == "+7 916 123-12-34"
    assert readable_phone("+4915112345678") == "+4915112345678"


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("1234", "1234"),
        ("12-34", "1234"),
        ("+7 *** ***-12-34", "1234"),
        ("8 (916) 123-12-34", "9161231234"),
        ("+7 916 123 12 34", "9161231234"),
        ("123", ""),
        ("auto-1234", ""),
        ("", ""),
    ],
)
def test_search_uses_the_end_of_a_number(text: str, end: str) -> None:
    assert searched_end(text) == end


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("79161231234", "+7 *** ***-12-34"),
        ("+7 (916) 123-12-34", "+7 *** ***-12-34"),
        (
            "https://a.example/?tel=%2B79161231234&a=1",
            "https://a.example/?tel=+7 *** ***-12-34&a=1",
        ),
        ("https://a.example/?tel=8%20916%20123-12-34", "https://a.example/?tel=*** ***-12-34"),
        ("user-9161231234", "user-*** ***-12-34"),
        ("client-42", "client-42"),
        ("https://a.example/balkon?yclid=1718031415926535897", None),
        ("https://a.example/2026-11-23/91234567", None),
        ("79161234567, 79035556677", "+7 *** ***-45-67, +7 *** ***-66-77"),
        ("+79161234567 +79035556677", "+7 *** ***-45-67 +7 *** ***-66-77"),
        ("7916 123 45 67 7903 555 66 77", "*** ***-66-77"),
        ("1718031415 +7 916 123-45-67", "*** ***-45-67"),
        ("1718031415926535897 79161234567", "1718031415926535897 +7 *** ***-45-67"),
        ("916 123-45-67 1718031415926535897", "*** ***-45-67 1718031415926535897"),
        ("8 (916) - 123 – 45 – 67", "*** ***-45-67"),
        ("7.9161234567E+10", "+7 *** ***-45-67"),
        ("id 7,9161234567e10", "id +7 *** ***-45-67"),
        ("79161234567.0", "*** ***-56-70"),
        ("?q=%2079161234567", "?q=%20+7 *** ***-45-67"),
        ("1718031415926535897 1718031415926535898", None),
        ("1718031415926535897%201718031415926535898", None),
        ("1.718031415926536e+18, 5e-5", None),
        ("", ""),
    ],
)
def test_phones_inside_a_text_are_masked(text: str, masked: str | None) -> None:
    assert with_masked_phones(text) == (text if masked is None else masked)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1.718.031.415.926.535.897", "1.718.031.415.926.535.897"),
        ("1.718031415926536e+18", "1.718031415926536e+18"),
        ("1,71803141592E+18", "1,71803141592E+18"),
        ("+7 916 123-45-67", "+7 *** ***-45-67"),
        ("тел. 79161234567", "тел. +7 *** ***-45-67"),
    ],
)
def test_phone_in_place_of_an_identifier_is_masked(text: str, shown: str) -> None:
    assert with_masked_phones(text) == shown
