"""Reads a file of the v3 calls API: a list of records, or an answer that contains one. Pure.

JSON Lines, a record a line, are read as well, and a list that PHP wrote as an object.

The file is read twice: to the end before the first record is returned, then record by record.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TextIO

from django.utils.translation import gettext as _

from calls.ingest.parsing.file_format import UnreadableListing
from calls.ingest.parsing.json_stream import JsonStream
from calls.ingest.parsing.json_values import MalformedJson
from calls.ingest.parsing.lists import is_index

#: The error of the API for a period without calls.
NO_ROWS = "No rows found"
#: Members of an answer that may contain the records; the first one with a list is used.
LISTS = ("payload", "calls")
#: A record is told from an answer without a list by one of these names.
RECORD_NAMES = frozenset(
    {"callTime", "timeStart", "time_start", "universalId", "callId", "hook_event"}
)


@dataclass(frozen=True)
class Listing:
    """The number of records, and where they are.

    ``member`` is the index of the member with the list; None: the file is one. ``is_lines``: the
    file is a sequence of records without a list.
    """

    count: int
    member: int | None = None
    is_lines: bool = False


def check_listing(text: TextIO) -> Listing:
    """Read the file to its end and locate the records. Raises UnreadableListing."""
    stream = JsonStream(text)
    try:
        found = _find(stream)
        if isinstance(found, dict) and RECORD_NAMES & found.keys():
            return Listing(1 + _skip_records(stream), is_lines=True)
        stream.end()
    except MalformedJson:
        raise UnreadableListing(_("Файл не читается: это не JSON.")) from None
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
        if listing.is_lines:
            while stream.peek():
                yield stream.value()
        elif listing.member is None:
            yield from stream.items()
        else:
            yield from _items_of_member(stream, listing.member)
    except MalformedJson:
        raise UnreadableListing(_("Файл изменился во время чтения.")) from None


def _items_of_member(stream: JsonStream, member: int) -> Iterator[Any]:
    for number, _name in enumerate(stream.names()):
        if number < member:
            _skip(stream)
        elif stream.peek() == "[":
            yield from stream.items()
            return
        else:
            for _index in stream.names():
                yield stream.value()
            return


def _skip_records(stream: JsonStream) -> int:
    """Skip the records that follow the first one; return their number."""
    count = 0
    while stream.peek():
        try:
            stream.value()
        except MalformedJson:
            text = _("Файл не читается: запись %(number)d — не JSON. Исправьте или удалите её.")
            raise UnreadableListing(text % {"number": count + 2}) from None
        count += 1
    return count


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
    if name in LISTS and stream.peek() == "{":
        count = _skip_indexed(stream)
        return None if count is None else Listing(count, number)
    if name == "inbound":
        return stream.value()
    _skip(stream)
    return None


def _skip_indexed(stream: JsonStream) -> int | None:
    """Skip an object; return its number of items when it is a list with gaps, as PHP writes it."""
    count, is_list = 0, True
    for name in stream.names():
        stream.value()
        count += 1
        is_list = is_list and is_index(name)
    return count if count and is_list else None


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
