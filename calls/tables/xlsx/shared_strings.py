"""The texts that the cells of a workbook share, kept in temporary files. Pure."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from tempfile import TemporaryFile
from typing import IO
from zipfile import BadZipFile

from calls.tables.table import MAX_CELL
from calls.tables.xlsx.escapes import unescaped
from calls.tables.xlsx.package import Package, xml_parser

PART = "xl/sharedStrings.xml"
#: Texts that are kept in memory: most columns repeat a few.
REMEMBERED = 4096
_PLACE = struct.Struct("=QI")


@contextmanager
def open_strings(package: Package, part: str | None) -> Iterator[SharedStrings]:
    """Read the texts of the workbook; the files are deleted at the end."""
    with TemporaryFile() as texts, TemporaryFile() as places:
        writer = _Writer(texts, places)
        if part is not None and package.has(part):
            parser = xml_parser(start=writer.start, end=writer.end, text=writer.text)
            for piece in package.pieces(part):
                parser.parse(piece)
            parser.end()
        texts.flush()
        places.flush()
        yield SharedStrings(texts, places, writer.count)


class SharedStrings:
    """The text of a number, from 0. Raises BadZipFile for a number that the workbook lacks."""

    def __init__(self, texts: IO[bytes], places: IO[bytes], count: int) -> None:
        self._texts, self._places = texts.fileno(), places.fileno()
        self._count = count
        self.get = lru_cache(REMEMBERED)(self._get)

    def _get(self, number: int) -> str:
        if not 0 <= number < self._count:
            raise BadZipFile("a shared text that is missing")
        place = os.pread(self._places, _PLACE.size, number * _PLACE.size)
        start, length = _PLACE.unpack(place)
        return os.pread(self._texts, length, start).decode()


class _Writer:
    """Writes each `si` element, without its phonetic readings, as it ends.

    A text that is longer than a cell may be is cut behind that length, so that its rows are bad.
    """

    def __init__(self, texts: IO[bytes], places: IO[bytes]) -> None:
        self._texts, self._places = texts, places
        self.count = 0
        self._at = 0
        self._parts: list[str] = []
        self._length = 0
        self._is_text = False
        self._phonetic = 0

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        if tag == "t":
            self._is_text = not self._phonetic
        elif tag == "si":
            self._parts, self._length = [], 0
        elif tag == "rPh":
            self._phonetic += 1

    def text(self, text: str) -> None:
        if self._is_text and self._length <= MAX_CELL:
            self._parts.append(text)
            self._length += len(text)

    def end(self, tag: str) -> None:
        if tag == "t":
            self._is_text = False
        elif tag == "rPh":
            self._phonetic -= 1
        elif tag == "si":
            text = unescaped("".join(self._parts))[: MAX_CELL + 1].encode()
            self._texts.write(text)
            self._places.write(_PLACE.pack(self._at, len(text)))
            self._at += len(text)
            self.count += 1
