"""Parses single values of a v3 record: lenient in types, strict in meaning. Pure.

CallKeeper never sends null: an empty text, 0 or an empty list means "absent", and the older
export writes "-" for an empty text. Numbers may come as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

Item = Mapping[str, Any]
ABSENT_TEXTS = frozenset({"", "-"})
TRUE_TEXTS = frozenset({"1", "true", "yes", "да"})
FALSE_TEXTS = frozenset({"0", "false", "no", "нет"})
#: The largest number of seconds that Metrika accepts; a larger one would get the file refused.
MAX_COUNT = 999_999_999
MAX_INT4 = 2**31 - 1
MAX_INT8 = 2**63 - 1
#: ClientID and yclid are unsigned 64-bit numbers at Yandex.
MAX_UINT64 = 2**64 - 1
#: From here on floats skip whole numbers, so their digits may differ from those that were sent.
MAX_EXACT_FLOAT = 2**53
_NO_DIGITS = re.compile("[^0-9]+")
#: Numbers written as floats: their zeros or exponent are not digits of a phone.
_WITH_FRACTION = re.compile(r"(\+?[0-9]+)\.0+")
_WITH_EXPONENT = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?[eEеЕ][+-]?[0-9]+")
#: An exponent as spreadsheets write it: 1,23E+17. Without its sign and mark it may be a hash.
_SURE_EXPONENT = re.compile(r"[+-]?[0-9]+([.,][0-9]*[eEеЕ][+-]?|[eEеЕ][+-])[0-9]+")


class Unusable(Exception):
    """The record cannot become a call; ``code`` and ``message`` say why, ``field`` where."""

    def __init__(self, code: str, field: str, message: str) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.message = message


def present(item: Item, *names: str) -> tuple[str, Any]:
    """Return the first name that has a value, and the value; else the first name and ""."""
    for name in names:
        value = item.get(name)
        is_empty_text = isinstance(value, str) and value.strip() in ABSENT_TEXTS
        if not (value is None or value == [] or is_empty_text):
            return name, value
    return names[0], ""


def read_text(item: Item, *names: str, limit: int | None = None) -> str:
    """Return the first non-empty text among the fields, cut to ``limit`` characters."""
    for name in names:
        value = item.get(name)
        if value is None:
            continue
        text = value.strip() if isinstance(value, str) else as_text(value)
        if text not in ABSENT_TEXTS:
            return text[:limit]
    return ""


def read_identifier(item: Item, *names: str, limit: int) -> str:
    """Return an identifier, "" when its digits are lost: it is longer than ``limit`` or rounded."""
    text = read_text(item, *names)
    return text if len(text) <= limit and not is_rounded(text) else ""


def is_exponent(text: str) -> bool:
    """Whether the text is a number with an exponent: 1e2."""
    return _WITH_EXPONENT.fullmatch(text) is not None


def is_rounded(text: str) -> bool:
    """Whether the text is a number that a spreadsheet rounded: 1,23E+17."""
    return _SURE_EXPONENT.fullmatch(text) is not None


def read_count(item: Item, *names: str) -> int:
    """Return a whole number from 0 to MAX_COUNT, 0 when absent. Raises Unusable otherwise."""
    plain = item.get(names[0])
    if type(plain) is int and 0 <= plain <= MAX_COUNT:
        return plain
    name, value = present(item, *names)
    if value == "":
        return 0
    number = _as_number(value)
    if number is None or not 0 <= number <= MAX_COUNT:
        sentence = _("Пришло «%(came)s»: нужно целое число от 0 до %(most)d.")
        sentence %= {"came": str(value)[:100], "most": MAX_COUNT}
        raise Unusable("bad_number", name, sentence)
    return number


def read_code(item: Item, name: str) -> int | None:
    """Return a telephony code, None when it is not a number; 0 is a code."""
    return _within(item.get(name), -MAX_INT4, MAX_INT4)


def read_key(value: Any) -> int | None:
    """Return the number of a call at CallKeeper, None when absent."""
    return _within(value, 1, MAX_INT8)


def read_flag(item: Item, name: str) -> bool:
    """Return whether the field says yes: true, 1, "1", "true"."""
    value = item.get(name)
    if value is True or value is False or value is None:
        return value is True
    return as_text(value).lower() in TRUE_TEXTS


def read_uint64(text: str) -> str:
    """Return the digits of an unsigned 64-bit number above zero, else an empty text."""
    is_number = text.isascii() and text.isdigit() and len(text) <= 20
    return text if is_number and 0 < int(text) <= MAX_UINT64 else ""


def read_phone(text: str) -> str:
    """Return the number in E.164, an empty text when there is none.

    Digits only; 8 and ten more is the Russian trunk prefix, so 8 becomes 7. A short or unusual
    number is kept: a call must not be lost for it. The zero of "79161234567.0" and the exponent of
    "7.9e10" are not digits of the number.
    """
    digits = text if is_digits(text) else _digits_of(text)
    if len(digits) == 11 and digits.startswith("8"):
        digits = "7" + digits[1:]
    return f"+{digits}" if 0 < len(digits) <= 19 else ""


def is_digits(text: str) -> bool:
    """Whether the text is digits and nothing else, as nearly all numbers come."""
    return text.isascii() and text.isdigit()


def _digits_of(text: str) -> str:
    if is_exponent(text):
        return ""
    number = _WITH_FRACTION.fullmatch(text)
    return _NO_DIGITS.sub("", number[1] if number else text)


def as_text(value: Any) -> str:
    """Return a text, or a whole number as text; an empty text for anything else."""
    if isinstance(value, str):
        return value.strip()
    number = _whole(value)
    return "" if number is None else str(number)


def _whole(value: Any) -> int | None:
    """Return the whole number that was sent; None for anything else or an inexact float."""
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < MAX_EXACT_FLOAT else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _as_number(value: Any) -> int | None:
    """Return the whole part of a number or of its text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value)
    try:  # a long number must not pass through a float
        return int(value) if value.strip().isdigit() else int(float(value))
    except (AttributeError, ValueError, OverflowError):
        return None


def _within(value: Any, least: int, most: int) -> int | None:
    """Return a number in the range, None otherwise; a fraction is not rounded to a number."""
    text = as_text(value)
    if is_exponent(text):
        return None
    try:
        number = int(text) if text.isdigit() else _whole(float(text))
    except ValueError:
        return None
    return number if number is not None and least <= number <= most else None
