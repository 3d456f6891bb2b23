"""Reads a file of the v3 calls API: a list of records, or an answer that contains one. Pure.

The file is read twice: to the end before the first record is returned, then record by record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from django.utils.translation import gettext as _

from calls.ingest.parsing.json_stream import JsonStream
from calls.ingest.parsing.json_values import MalformedJson

#: The error of the API for a period without calls.
NO_ROWS = "No rows found"
#: Members of an answer that may contain the records; the first one with a list is used.
LISTS = ("payload", "calls")


class UnreadableListing(Exception):
    """The file is not a listing of calls; the message says what it is."""


@dataclass(frozen=True)
class Listing:
    """The number of records, and the index of the member with the list; None: the file is one."""

    count: int
    member: int | None = None


def check_listing(text: TextIO) -> Listing:
    """Read the file to its end and locate the records. Raises UnreadableListing."""
    stream = JsonStream(text)
    try:
        found = _find(stream)
        stream.end()
    except MalformedJson:
        raise UnreadableListing(_("Файл не читается: это не JSON в UTF-8.")) from None
    if isinstance(found, Listing):
        return found
    if found is None:
        raise UnreadableListing(_("В файле нет списка звонков."))
    _refuse_failure(found.get("inbound"))
    for name in LISTS:
        listing = found.get(name)
        if isinstance(listing, Listing):
            return listing
    raise UnreadableListing(_("В файле нет списка звонков: нужен список, payload или calls."))


def records_of(text: TextIO, listing: Listing) -> Iterator[Any]:
    """Yield the records of a listing that was checked, from the beginning of the text.

    Raises UnreadableListing when the file changed since.
    """
    stream = JsonStream(text)
    try:
        if listing.member is None:
            yield from stream.items()
            return
        for number, _name in enumerate(stream.names()):
            if number == listing.member:
                yield from stream.items()
                return
            _skip(stream)
    except MalformedJson:
        raise UnreadableListing(_("Файл изменился во время чтения.")) from None


def _find(stream: JsonStream) -> Listing | dict[str, Any] | None:
    """Return the listing, the members of an object that may contain one, or None for neither."""
    match stream.peek():
        case "[":
            return Listing(_skip(stream))
        case "{":
            return {name: _member(stream, name, at) for at, name in enumerate(stream.names())}
        case _:
            _skip(stream)
            return None


def _member(stream: JsonStream, name: str, number: int) -> Any:
    if name in LISTS and stream.peek() == "[":
        return Listing(_skip(stream), number)
    if name == "inbound":
        return stream.value()
    _skip(stream)
    return None


def _skip(stream: JsonStream) -> int:
    """Skip the next value; return its number of items when it is a list."""
    if stream.peek() == "[":
        return sum(1 for _item in stream.items())
    stream.value()
    return 0


def _refuse_failure(inbound: Any) -> None:
    """Refuse an answer in which the API reports a failure other than an empty period."""
    error = inbound.get("error") if isinstance(inbound, dict) else None
    if error and error != NO_ROWS:
        raise UnreadableListing(
            _("CallKeeper ответил ошибкой: {error}").format(error=str(error)[:200])
        )
