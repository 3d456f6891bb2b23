"""Formats, masks and matches phone numbers."""

from __future__ import annotations

import re
from decimal import Decimal

#: Digits of a number that stay visible, at its end.
VISIBLE_DIGITS = 4
#: A shorter number is masked completely, on pages and in files: together with the country digit,
#: which a file keeps as well, more digits would be visible than masked.
MASKABLE_DIGITS = 2 * VISIBLE_DIGITS + 1
#: A search text of so many digits or more is a whole number; its country code is ignored.
WHOLE_NUMBER_DIGITS = 10
#: E.164 has no longer numbers; visitors' identifiers have more digits.
MAX_PHONE_DIGITS = 15
_SEPARATOR = r"(?:%20|%28|%29|[\s().+\u2010-\u2015\u2212-])"
#: A number with an exponent; else digits in groups, also URL-escaped; else another URL escape.
_NUMBERS = re.compile(
    r"(?i)(?P<exponent>(?<![\w.,])\d{1,20}(?:[.,]\d{1,20})?e[+-]?\d{1,2}(?!\w))"
    rf"|(?P<digits>(?:\+|%2B)?\d(?:{_SEPARATOR}{{0,4}}\d)*)"
    r"|%[0-9A-F]{2}"
)
#: A whole number with its thousands apart.
_THOUSANDS = re.compile(r"\d{1,3}([. ])\d{3}(?:\1\d{3}){4,5}")
_IDENTIFIER = re.compile(rf"(?<!\d)(\d{{{MAX_PHONE_DIGITS + 1},}})(?!\d)")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_GROUP = re.compile(r"\+?[0-9]+")


def masked_phone(phone: str) -> str:
    """Return `+7 *** ***-12-34` for `+79161231234`; other numbers keep their last four digits.

    Asterisks of a number that is already masked (as in a sent row) count as digits.
    """
    symbols = re.sub(r"[^0-9*]", "", phone)
    if len(symbols) < MASKABLE_DIGITS:
        return "*" * len(symbols)
    end = f"{symbols[-4:-2]}-{symbols[-2:]}"
    if len(symbols) == 11 and symbols.startswith("7"):
        return f"+7 *** ***-{end}"
    return f"*** ***-{end}"


def with_masked_phones(text: str) -> str:
    """Return a text of a record with every number in it that may be a phone masked.

    Each number is judged alone. Visitors' identifiers are longer than a phone, numbers of counters
    and campaigns are shorter: they stay. A number with an exponent is judged by its value.
    """
    return _NUMBERS.sub(_masked_number, text)


def _masked_number(found: re.Match[str]) -> str:
    if found["exponent"]:
        whole = _whole_number(found[0])
        return masked_phone(whole) if _may_be_phone(whole) else found[0]
    return _masked_digits(found[0]) if found["digits"] else found[0]


def _whole_number(text: str) -> str:
    """Return the digits in front of the point of a number with an exponent."""
    return f"{Decimal(text.replace(',', '.')):f}".partition(".")[0]


def _masked_digits(text: str) -> str:
    """Return groups of digits with the phones among them masked."""
    plain = _ESCAPE.sub(" ", text)
    masked = "".join(map(_masked_groups, _IDENTIFIER.split(plain)))
    return text if masked == plain else masked.strip()


def _masked_groups(text: str) -> str:
    """Return the text masked: one phone, or several. An identifier as one group stays."""
    groups = _GROUP.findall(text)
    count = len(digits_of(text))
    is_identifier = len(groups) == 1 or _THOUSANDS.fullmatch(text) is not None
    if count < WHOLE_NUMBER_DIGITS or (count > MAX_PHONE_DIGITS and is_identifier):
        return text
    if count > MAX_PHONE_DIGITS and all(
        len(digits_of(group)) >= WHOLE_NUMBER_DIGITS for group in groups
    ):
        return _GROUP.sub(lambda found: masked_phone(found[0]), text)
    # Where one of several phones in groups ends, nothing tells: they are masked as one.
    return f" {masked_phone(text)} "


def _may_be_phone(digits: str) -> bool:
    return WHOLE_NUMBER_DIGITS <= len(digits) <= MAX_PHONE_DIGITS


def readable_phone(phone: str) -> str:
    """Return `+7 916 123-12-34` for `+79161231234`; other numbers as they are."""
    digits = digits_of(phone)
    if len(digits) != 11 or not digits.startswith("7"):
        return phone
    return f"+7 {digits[1:4]} {digits[4:7]}-{digits[7:9]}-{digits[9:]}"


def shown_phone(phone: str, text: str, *, is_whole: bool) -> str:
    """Return a call's phone for people, masked unless ``is_whole``.

    ``text`` is what came instead of a valid number: its digits are masked too.
    """
    if phone:
        return readable_phone(phone) if is_whole else masked_phone(phone)
    return text if is_whole else re.sub(r"\d", "*", text)


def digits_of(text: str) -> str:
    """Return the digits 0 to 9 of a text, in order."""
    return re.sub(r"[^0-9]", "", text)


def searched_end(text: str) -> str:
    """Return the digits a number must end with, '' when the text does not look like a number.

    8 916…, +7 916… and 916… are the same number, so a whole one is matched by its last ten digits.
    Of a masked number copied from a page only the part after the asterisks is used.
    """
    if re.search(r"[^0-9+()\-\s*]", text):
        return ""
    digits = digits_of(text.rpartition("*")[2])
    return digits[-WHOLE_NUMBER_DIGITS:] if len(digits) >= VISIBLE_DIGITS else ""


def is_guess(end: str) -> bool:
    """Whether searches for such ends could reveal a masked number digit by digit."""
    return VISIBLE_DIGITS < len(end) < WHOLE_NUMBER_DIGITS
