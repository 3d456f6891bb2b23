"""Finds the click id (`yclid`) that the address of a page carries. Pure.

Direct appends `yclid` to the landing page; on the way to a call record the address is escaped for
HTML, cut to its query, moved behind a fragment or joined with a second "?".
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from calls.ingest.parsing.fields import Item, read_text
from calls.ingest.parsing.identifiers import CLICK_ID, Identifier, read_number

#: Pages that the visitor of the call saw; a referrer may be a page of another site.
ADDRESS_FIELDS = ("entryPointQuery", "callPage", "entryPoint", "cpg")
#: A parameter of the query, of the fragment, or of a bare query string.
_CLICK = re.compile(r"(?i)(?:^|[?&#;/!\s])yclid=([^?&#;/\s]*)")
#: An address escaped as a whole, such as a parameter of another one, has none of these signs.
_QUERY_SIGNS = frozenset("?&=#")
#: "&amp;amp;" is escaped twice.
_MAX_ESCAPES = 3
_DIGIT = re.compile("[0-9]")
_QUOTES = "\"'«»"


def click_of(item: Item) -> Identifier:
    """Return the click of the first address that has a readable one, else one that is unreadable.

    A template that was not filled is no click, nor is a word without a digit: addresses carry
    parameters of others.
    """
    texts = (text for name in ADDRESS_FIELDS for text in _values_in(read_text(item, name)))
    found = [read_number({"yclid": text}, CLICK_ID) for text in texts if _DIGIT.search(text)]
    came = [one for one in found if one != Identifier()]
    return next((one for one in came if one.value), came[0] if came else Identifier())


def _values_in(address: str) -> Iterator[str]:
    for match in _CLICK.finditer(_unescaped(address)):
        yield unquote(match[1]).strip().strip(_QUOTES)


def _unescaped(address: str) -> str:
    """Return the address without escapes of HTML and JSON, and of URLs when all of it is."""
    if not _QUERY_SIGNS.intersection(address):
        address = unquote(address)
    address = address.replace("\\u0026", "&").replace("\\/", "/")
    for _time in range(_MAX_ESCAPES):
        plain = html.unescape(address)
        if plain == address:
            break
        address = plain
    return address
