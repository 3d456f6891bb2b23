"""Masks the personal data of a call that is no phone: page addresses, identifiers, names.

They are shown masked wherever phones are: to viewers of a cabinet, and to staff without the right
to personal data.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from calls.phones import MASKABLE_DIGITS, VISIBLE_DIGITS, WHOLE_NUMBER_DIGITS, with_masked_phones

Mask = Callable[[str], str]

HIDDEN = "***"
#: Where the part of an address begins that sites fill with data of a visitor, also URL-escaped.
_VISITORS_PART = re.compile(r"(?i)[?#;&]|%(?:3F|23|3B|26)")
_EMAIL = re.compile(r"(?i)[^\s/@<>\"'(),:;=]+(?:@|%40)[^\s/@<>\"'(),:;=]+")
_CREDENTIALS = re.compile(r"(?<=//)[^/@\s]*@")


def masked_value(text: str) -> str:
    """Return `***4567`: the last four characters stay, of a text of at least nine."""
    text = text.strip()
    kept = text[-VISIBLE_DIGITS:] if len(text) >= MASKABLE_DIGITS else ""
    return f"{HIDDEN}{kept}" if text else ""


def masked_campaign(text: str) -> str:
    """Return the number of a campaign as it is, a name masked: it comes from the page's address."""
    text = text.strip()
    is_number = text.isascii() and text.isdigit() and len(text) < WHOLE_NUMBER_DIGITS
    return text if is_number else masked_value(text)


def masked_address(text: str) -> str:
    """Return the address up to its query: `https://okna.example/balkon?***`.

    Phones and e-mails in the path, and credentials in front of the host, are masked as well.
    """
    found = _VISITORS_PART.search(text)
    address, mark = (text[: found.start()], found[0]) if found else (text, "")
    address = masked_text(_CREDENTIALS.sub("", address))
    return f"{address}{mark}{HIDDEN}" if found else address


def masked_text(text: str) -> str:
    """Return a text of a record with phones and e-mails masked; the other words stay."""
    return with_masked_phones(_EMAIL.sub(HIDDEN, text))
