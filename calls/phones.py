"""Formats, masks and matches phone numbers."""

from __future__ import annotations

import re

#: Digits of a number that stay visible, at its end.
VISIBLE_DIGITS = 4
#: A shorter number is masked completely, on pages and in files: together with the country digit,
#: which a file keeps as well, more digits would be visible than masked.
MASKABLE_DIGITS = 2 * VISIBLE_DIGITS + 1
#: A search text of so many digits or more is a whole number; its country code is ignored.
WHOLE_NUMBER_DIGITS = 10
#: Ten to fifteen digits in groups, also URL-escaped.
PHONE_IN_TEXT = re.compile(
    r"(?i)(?<!\d)(?:\+|%2B)?\d(?:(?:%20|%28|%29|[\s().+-]){0,2}\d){9,14}(?!\d)"
)
#: E.164 has no longer numbers.
MAX_PHONE_DIGITS = 15
EXPONENT = re.compile(r"[0-9][eE][+-]?[0-9]")
ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


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
    """Return a URL or an identifier with every number in it that may be a phone masked.

    Visitors' identifiers are longer than a phone, numbers of counters and campaigns are shorter:
    they stay.
    """
    return PHONE_IN_TEXT.sub(lambda found: masked_phone(ESCAPE.sub("", found[0])), text)


def with_masked_identifier(text: str) -> str:
    """Return what came as a number of a visitor, with a phone that was put there masked.

    Longer numbers and those with an exponent are no phones and stay: the text is shown so that a
    person recognises what is wrong with it.
    """
    is_number = len(digits_of(text)) > MAX_PHONE_DIGITS or EXPONENT.search(text) is not None
    return text if is_number else with_masked_phones(text)


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
