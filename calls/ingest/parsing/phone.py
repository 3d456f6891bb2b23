"""Parses the client's phone number into E.164. Pure.

Plainly Russian numbers take a fast path; all others go by the numbering plans of `phonenumbers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers

from calls.ingest.parsing.fields import is_digits

RUSSIA = "RU"
#: 7 or 8 and ten digits; no Russian or Kazakh area code begins with 0, 1 or 2.
_RUSSIAN = re.compile(r"\+?7([3-9][0-9]{9})|8([3-9][0-9]{9})")
#: Signs that people put between digits. The signs of an exponent or of two numbers are not here.
_SEPARATORS = re.compile(r"[\s().\u00a0\u2007\u2009\u200b-\u200f\u202f\u2060\ufeff\u2010-\u2015-]")
#: A number that a spreadsheet wrote as a float: its zeros are not digits of the number.
_WITH_FRACTION = re.compile(r"(\+?[0-9]+)[.,]0+")
#: An exponent has lost digits: 7.9e10, and 7,916E+10 where the decimal mark is a comma.
_WITH_EXPONENT = re.compile(r"[+-]?[0-9]+([.,][0-9]*)?[eEеЕ][+-]?[0-9]+")
#: `sip:79161234567@host`, also in angle brackets after a name.
_SIP = re.compile(r"(?i).*?\bsips?:(?:%2b|(\+))?([0-9().-]+)(?:[;@>].*)?")
#: The extension in brackets of CallKeeper's callback webhook: 74950000000 [12].
_BRACKETED = re.compile(r"\[\s*[0-9]*\s*\]\s*$")
_EXTENSION = re.compile(
    r"(?i)[\s,;(]*(?:доб(?:ав(?:очн(?:ый)?)?)?|вн(?:утр?(?:енн(?:ий)?)?)?|ext(?:n|ension)?|x|#|,|;)"
    r"[.=:№#\s]*[0-9]{1,6}[)\s]*$"
)
_SCHEME = re.compile(r"(?i)^\s*(?:tel|phone|тел(?:ефон)?)\b[.:\s]*")
#: The host of an address without its scheme: 79161234567@sip.site.ru.
_HOST = re.compile(r"@[\w.:-]+$")
#: Prefixes of an international call: from Russia and its neighbours, and elsewhere.
_INTERNATIONAL = ("810", "00")
#: A number that fits the column of the call, with the plus.
_MAX_LENGTH = 20
#: Longer texts are no numbers; the library refuses them as well.
_MAX_TEXT = 250


def parse_phone(text: str, region: str) -> str:
    """Return the number in E.164, an empty text when the text is no valid number.

    ``region`` (ISO 3166-1, two letters) is the country of numbers without a country code. A plus is
    never overruled: the digits after it are the country code, if there is such a country.
    """
    if len(text) == 11 and text[0] in "78" and text[1] in "3456789" and is_digits(text):
        return f"+7{text[1:]}"
    digits = _SEPARATORS.sub("", text)
    if found := _RUSSIAN.fullmatch(digits):
        return f"+7{found[1] or found[2]}"
    if len(text) > _MAX_TEXT or _WITH_EXPONENT.fullmatch(digits):
        return ""
    number = _number_part(text)
    if any(map(str.isalpha, number)):  # the library would read FLOWERS as digits
        return ""
    valid = (_valid(candidate, region) for candidate in _readings(number))
    return next(filter(None, valid), "")


def _number_part(text: str) -> str:
    """Return the text without the parts that are not the number: SIP address, extension, zeros."""
    if sip := _SIP.fullmatch(text.strip()):
        text = f"+{sip[2]}" if "%2b" in sip[0].lower() or sip[1] else sip[2]
    text = _HOST.sub("", _SCHEME.sub("", text.strip()))
    text = _EXTENSION.sub("", _BRACKETED.sub("", text)).strip()
    if fraction := _WITH_FRACTION.fullmatch(text):
        return fraction[1]
    return text


def _readings(number: str) -> Iterator[str]:
    """Yield the ways to read the number, the likeliest first."""
    yield number
    digits = _SEPARATORS.sub("", number)
    if digits.startswith("+"):
        if digits.startswith("+8"):
            # There is no country 89: the trunk prefix of Russia with a plus before it.
            yield f"+7{digits[2:]}"
        return
    for prefix in _INTERNATIONAL:
        if digits.startswith(prefix):
            yield f"+{digits.removeprefix(prefix)}"
    # CallKeeper writes numbers with the country code and without the plus.
    yield f"+{digits}"


def _valid(candidate: str, region: str) -> str:
    try:
        number = phonenumbers.parse(candidate, region)
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_valid_number(number):
        return ""
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return written if len(written) <= _MAX_LENGTH else ""
