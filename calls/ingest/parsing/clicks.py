"""Finds the click id (`yclid`) that the address of a page carries. Pure.

Direct appends `yclid` to the landing page; on the way to a call record the address is escaped for
HTML or as a parameter of another address, cut to its query, moved behind a fragment or joined with
a second "?". So it is searched for the parameter instead of being parsed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from calls.ingest.parsing.fields import Item, read_text
from calls.ingest.parsing.identifiers import CLICK_ID, MAX_SHOWN, Identifier, read_number

#: Pages that the visitor of the call saw; a referrer may be a page of another site.
ADDRESS_FIELDS = ("entryPointQuery", "callPage", "entryPoint", "cpg")
#: The parameter by its whole name. A comma may be that of an exponent (1,45E+18), so it stays.
_CLICK = re.compile(r"(?i)(?<![\w.-])yclid=([^?&#;/\\\s|()<>\[\]]*)")
_DIGIT = re.compile("[0-9]")
#: Characters that stand around a number in a parameter.
_AROUND = " +\"'«»"
#: "&amp;amp;" is escaped twice, and so is an address within an address.
MAX_ESCAPES = 3


def click_of(item: Item) -> Identifier:
    """Return the click of the first address that has a readable one, else one that is unreadable.

    A template that was not filled is no click, nor is a word without a digit: addresses carry
    parameters of others.
    """
    return _first_readable(_click_in(read_text(item, name)) for name in ADDRESS_FIELDS)


def _click_in(address: str) -> Identifier:
    """Return the click of an address; of an address within an address the outer one counts."""
    if "yclid" not in address.lower():
        return Identifier()
    return _first_readable(map(_agreed, _decodings(address)))


def _agreed(text: str) -> Identifier:
    """Return the only click in a text; two different ones are unreadable, as is no number."""
    values = (unquote(found).strip(_AROUND) for found in _CLICK.findall(text))
    came = [read_number({"yclid": value}, CLICK_ID) for value in values if _DIGIT.search(value)]
    clicks = list(dict.fromkeys(one.value for one in came if one.value))
    if len(clicks) > 1:
        shown = ", ".join(f"yclid={click}" for click in clicks)
        return Identifier(unreadable=shown[:MAX_SHOWN])
    return _first_readable(came)


def _first_readable(found: Iterable[Identifier]) -> Identifier:
    """Return the first that has a value, else the first that is unreadable, else the absent one."""
    came = [one for one in found if one != Identifier()]
    return next((one for one in came if one.value), came[0] if came else Identifier())


def _decodings(address: str) -> Iterator[str]:
    """Yield the address without escapes of HTML and JSON, then also without those of URLs."""
    for _time in range(MAX_ESCAPES):
        before, address = address, _plain(address)
        yield address
        address = unquote(address)
        if address == before:
            return
    yield _plain(address)


def _plain(address: str) -> str:
    address = address.replace("\\u0026", "&").replace("\\/", "/")
    for _time in range(MAX_ESCAPES):
        before, address = address, html.unescape(address)
        if address == before:
            break
    return address
