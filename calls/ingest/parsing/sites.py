"""Finds the site of a call: the first field that is a host. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any
from urllib.parse import unquote

from calls.ingest.parsing.fields import ABSENT_TEXTS, Item, as_text, read_text
from calls.ingest.parsing.identifiers import shown
from calls.ingest.parsing.lists import as_list, decoded
from calls.ingest.parsing.remembered import remembered
from calls.states import SITE_FIELDS
from counters.hosts import normalise_host, readable_host

MAX_SITE = 255
#: A site is looked for in so many characters of a text, and among so many texts of a list.
MAX_TEXT, MAX_TEXTS = 4096, 100
#: Fields that are addresses of the site's pages, in order of preference.
PAGE_FIELDS = ("callPage", "cpg", "entryPoint", "entryPointQuery")
#: Longer texts, addresses of one visit, do not come again.
MAX_REMEMBERED = 128
_SEPARATORS = re.compile(r"[,;|\n]+")
_AROUND = " \t\r\"'«»()[]<>"
#: Endings of a page's file name, which are no top-level domains.
_FILE = re.compile(r"\.(html?|php\d?|aspx?|jsp|cgi)$")
_EMAIL = re.compile(r"[^/?#\\]*@")
_SCHEME = re.compile("(?i)(https?:)?//")
_IPV4 = re.compile(r"(\d{1,3}\.){3}\d{1,3}")


@dataclass(frozen=True, slots=True)
class Site:
    """The text of the site as it came, and its host; an unreadable text has no host."""

    text: str
    host: str


def read_site(item: Item) -> Site:
    """Return the first site of the record that is a host, else the first text that came as one.

    A page's address counts where no field names a readable site. A list or an object is quoted.
    """
    if named := read_named_site(item):
        return named
    for name in PAGE_FIELDS:
        if host := _host(read_text(item, name, limit=MAX_TEXT)):
            return Site(readable_host(host)[:MAX_SITE], host)
    came = filter(None, (_quoted(item.get(name)) for name in SITE_FIELDS))
    return Site(next(came, "")[:MAX_SITE], "")


@remembered(*SITE_FIELDS)
def read_named_site(item: Item) -> Site | None:
    """Return the first site that a field of the site names, None where none is a host."""
    for name in SITE_FIELDS:
        for text in islice(_texts(item.get(name)), MAX_TEXTS):
            if host := _host(text):
                return Site(text[:MAX_SITE], host)
    return None


def is_address(text: str) -> bool:
    """Whether the text is the address of a page, and not a query or a path."""
    return _SCHEME.match(text) is not None or _host(text) != ""


def _quoted(value: Any) -> str:
    """Return a text, or a list or an object as JSON, to be shown; "" when it is empty."""
    text = shown(value) if value and isinstance(value, dict | list) else as_text(value)
    return "" if text in ABSENT_TEXTS else text


def _texts(value: Any) -> Iterator[str]:
    """Yield the value, or each of the sites that it lists."""
    content = as_list(decoded(value))
    for one in content[:MAX_TEXTS] if isinstance(content, list) else [content]:
        yield from _texts_of(as_text(one))


def _texts_of(text: str) -> Iterator[str]:
    parts = _SEPARATORS.split(text[:MAX_TEXT])
    if len(text) > MAX_TEXT and len(parts) > 1:
        parts.pop()  # it may be cut within a host
    for part in filter(None, (one.strip(_AROUND) for one in parts)):
        words = part.split()
        # Words of a sentence are no list of sites, even when one of them looks like a host.
        if len(words) > 1 and all(map(_host, words)):
            yield from words
        else:
            yield part


def _host(text: str) -> str:
    """Return the host of a site or of a page's address, also of one that is percent-encoded.

    Numbers, names of files and addresses of e-mail are no hosts.
    """
    return remembered_host(text) if len(text) <= MAX_REMEMBERED else _read_host(text)


@lru_cache(maxsize=2048)
def remembered_host(text: str) -> str:
    """Return the host of a short text: the same sites and pages come with many calls."""
    return _read_host(text)


def _read_host(text: str) -> str:
    if "//" not in text and _EMAIL.match(unquote(text)):
        return ""
    host = normalise_host(text) or normalise_host(unquote(text))
    is_page = "//" not in text and _FILE.search(host)
    has_domain = not host.rpartition(".")[2].isdigit() or _IPV4.fullmatch(host)
    return host if has_domain and not is_page else ""
