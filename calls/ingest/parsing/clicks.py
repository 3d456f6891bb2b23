"""Finds the click id (`yclid`) of a record: its field, or the address of a page. Pure.

Direct appends `yclid` to the landing page; on the way to a call record the address is escaped for
HTML or as a parameter of another address, cut to its query, moved behind a fragment or joined with
a second "?". So it is searched for the parameter instead of being parsed.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any
from urllib.parse import unquote

from calls.ingest.parsing.fields import Item, read_text
from calls.ingest.parsing.identifiers import (
    ABSENT,
    CLICK_ID,
    Identifier,
    agreed,
    plain_number,
    read_number,
)

#: Pages that the visitor of the call saw; a referrer may be a page of another site.
ADDRESS_FIELDS = ("entryPointQuery", "callPage", "entryPoint", "cpg")
#: The parameter by its whole name, with a template or a value. A comma may be that of an exponent
#: (1,45E+18), so it stays.
_CLICK = re.compile(
    r"(?i)(?<![\w.-])yclid=([$#@]?\{{1,3}[^{}]{0,100}\}{1,3}|[^?&#;/\\\s|()<>\[\]]*)"
)
#: Where the next parameter begins, in a value without its escapes.
_NEXT = re.compile("[?&#;]")
#: Characters that stand around a number in a parameter.
_AROUND = " +\"'«»"
#: "&amp;amp;" is escaped twice, and so is an address within an address.
MAX_ESCAPES = 3
#: A click is looked for in so many characters of an address, among so many different values.
MAX_ADDRESS, MAX_CLICKS = 16_384, 20
#: Characters of a value, and of its escapes, that was cut together with the address.
_OF_VALUE = "0123456789abcdefABCDEF%.,+ "


def plain_click(item: Item) -> str | None:
    """Return the value that `click_of` reads when only the field of the click may have one.

    None for any other record.
    """
    if any(_may_have_click(item.get(name)) for name in ADDRESS_FIELDS):
        return None
    return plain_number(item, CLICK_ID)


def _may_have_click(address: Any) -> bool:
    if type(address) is str:
        return "yclid" in address.lower()
    return address is not None


def click_of(item: Item) -> Identifier:
    """Return the click on which its field and the addresses agree.

    A template that was not filled is no click.
    """
    addresses = (_click_in(read_text(item, name)) for name in ADDRESS_FIELDS)
    return agreed((read_number(item, CLICK_ID), *addresses))


def _click_in(address: str) -> Identifier:
    """Return the click of an address; of an address within an address the outer one counts."""
    if len(address) > MAX_ADDRESS:
        address = address[:MAX_ADDRESS].rstrip(_OF_VALUE)
    if "yclid" not in address.lower():
        return ABSENT
    return _first_readable(map(_only_click, _decodings(address)))


def _only_click(text: str) -> Identifier:
    """Return the only click in a text; two different ones are unreadable, as is no number."""
    found = islice(dict.fromkeys(_CLICK.findall(text)), MAX_CLICKS)
    values = (_NEXT.split(unquote(one))[0] for one in found)
    return agreed(read_number({"yclid": value.strip(_AROUND)}, CLICK_ID) for value in values)


def _first_readable(found: Iterable[Identifier]) -> Identifier:
    """Return the first that has a value, else the first that is unreadable, else the absent one."""
    came = [one for one in found if one.value or one.unreadable]
    return next((one for one in came if one.value), came[0] if came else ABSENT)


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
