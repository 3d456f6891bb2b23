from __future__ import annotations

import pytest

from calls.phones import masked_phone, readable_phone, searched_end


@pytest.mark.parametrize(
    ("phone", "masked"),
    [
        ("+79161231234", "+7 *** ***-12-34"),
        ("79161231234", "+7 *** ***-12-34"),
        ("+4915112345678", "*** ***-56-78"),
        ("12345", "*** ***-23-45"),
        ("1234", "****"),
        ("", ""),
    ],
)
def test_a_masked_phone_keeps_its_last_four_digits_only(phone: str, masked: str) -> None:
    assert masked_phone(phone) == masked


def test_a_russian_number_is_written_in_groups() -> None:
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
def test_a_search_takes_the_end_of_a_number(text: str, end: str) -> None:
    assert searched_end(text) == end
