"""How a phone number is shown to those who may not see it, and how one is searched for."""

from __future__ import annotations

import re

#: Digits of a number that stay visible, at its end.
VISIBLE_DIGITS = 4
#: A shorter number is hidden whole, on pages and in files: with the digit of the country, which a
#: file keeps as well, less would be hidden than shown at the end.
MASKABLE_DIGITS = 2 * VISIBLE_DIGITS + 1
#: From so many digits on a number is searched for as a whole, without its country code.
WHOLE_NUMBER_DIGITS = 10
#: Ten to fifteen digits in groups, also as they are escaped in an address.
PHONE_IN_TEXT = re.compile(
    r"(?i)(?<!\d)(?:\+|%2B)?\d(?:(?:%20|%28|%29|[\s().+-]){0,2}\d){9,14}(?!\d)"
)
ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")


def masked_phone(phone: str) -> str:
    """Return `+7 *** ***-12-34` for `+79161231234`; other numbers keep their last four digits.

    What is hidden already, as in a row that was sent so, counts as digits.
    """
    signs = re.sub(r"[^0-9*]", "", phone)
    if len(signs) < MASKABLE_DIGITS:
        return "*" * len(signs)
    end = f"{signs[-4:-2]}-{signs[-2:]}"
    if len(signs) == 11 and signs.startswith("7"):
        return f"+7 *** ***-{end}"
    return f"*** ***-{end}"


def with_masked_phones(text: str) -> str:
    """Return an address or an identifier with every number in it that may be a phone masked.

    Visitors' identifiers are longer than a phone, counters and campaigns shorter: they stay.
    """
    return PHONE_IN_TEXT.sub(lambda found: masked_phone(ESCAPE.sub("", found[0])), text)


def readable_phone(phone: str) -> str:
    """Return `+7 916 123-12-34` for `+79161231234`; other numbers as they are."""
    digits = digits_of(phone)
    if len(digits) != 11 or not digits.startswith("7"):
        return phone
    return f"+7 {digits[1:4]} {digits[4:7]}-{digits[7:9]}-{digits[9:]}"


def digits_of(text: str) -> str:
    """Return the digits 0 to 9 of a text, in order."""
    return re.sub(r"[^0-9]", "", text)


def searched_end(text: str) -> str:
    """Return the digits a number must end with, '' when the text does not look like a number.

    8 916…, +7 916… and 916… are one number, so a whole one is compared without its beginning.
    Of a masked number, copied from a page, the part after the asterisks counts.
    """
    if re.search(r"[^0-9+()\-\s*]", text):
        return ""
    digits = digits_of(text.rpartition("*")[2])
    return digits[-WHOLE_NUMBER_DIGITS:] if len(digits) >= VISIBLE_DIGITS else ""


def is_guess(end: str) -> bool:
    """Whether a search for this end would find out a masked number digit by digit."""
    return VISIBLE_DIGITS < len(end) < WHOLE_NUMBER_DIGITS
