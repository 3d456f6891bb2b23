"""Finds the click id (`yclid`) that the address of a page carries. Pure.

Direct appends `yclid` to the landing page; on the way to a call record the address is escaped for
HTML, cut to its query, moved behind a fragment or joined with a second "?".
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from calls.ingest.parsing.fields import Item, read_text, read_uint64

#: Pages that the visitor of the call saw; a referrer may be a page of another site.
ADDRESS_FIELDS = ("entryPointQuery", "callPage", "entryPoint", "cpg")
#: A parameter of the query, of the fragment, or of a bare query string.
_CLICK = re.compile(r"(?i)(?:^|[?&#;/!\s])yclid=([^?&#;/\s]*)")
#: An address escaped as a whole, such as a parameter of another one, has none of these signs.
_QUERY_SIGNS = frozenset("?&=#")
#: "&amp;amp;" is escaped twice.
_MAX_ESCAPES = 3
_QUOTES = "\"'«»"


def click_of(item: Item) -> str:
    """Return the click id of the first address that has a readable one, else an empty text."""
    found = (click for name in ADDRESS_FIELDS for click in clicks_in(read_text(item, name)))
    return next(found, "")


def clicks_in(address: str) -> Iterator[str]:
    """Yield the readable click ids of an address, in order; an unfilled template is none."""
    for match in _CLICK.finditer(_unescaped(address)):
        if click := read_uint64(unquote(match[1]).strip().strip(_QUOTES)):
            yield click


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
