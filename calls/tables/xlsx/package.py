"""The ZIP file of a workbook, read within limits on what it unpacks to. Pure."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.parsers import expat
from zlib import error as ZlibError

from django.utils.translation import gettext as _

from calls.ingest.parsing.file_format import UnreadableListing

#: Bytes that the parts of a workbook may unpack to, together.
MAX_UNPACKED = 8 << 30
#: How many times a part may grow; sheets grow 10 to 30 times. Small parts may grow more.
MAX_RATIO = 200
SMALL = 16 << 20
MAX_PARTS = 10_000
#: Bytes per read, and of the parts that are kept in memory: the list of sheets and the formats.
PIECE = 1 << 16
MAX_KEPT_PART = 16 << 20
MAX_DEPTH = 64
#: Bytes of one tag or comment: the parser keeps it in memory until its end, and reads it again from
#: its beginning with each piece.
MAX_TAG = 1 << 20
_BROKEN = (zipfile.BadZipFile, ZlibError, EOFError, NotImplementedError, expat.ExpatError)

Start = Callable[[str, dict[str, str]], None]


@contextmanager
def open_package(path: Path) -> Iterator[Package]:
    """Open the workbook's file. Raises UnreadableListing, also for what breaks in the block."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield Package(archive)
    except _BROKEN:
        raise UnreadableListing(
            _("Файл Excel (XLSX) повреждён: сохраните его заново или пришлите CSV.")
        ) from None


class Package:
    """The parts of a workbook by their names. Raises UnreadableListing for a bomb."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        parts = archive.infolist()
        if len(parts) > MAX_PARTS or sum(one.file_size for one in parts) > MAX_UNPACKED:
            raise _bomb()
        for one in parts:
            _check(one.file_size, one)
        self._unpacked = 0

    def has(self, name: str) -> bool:
        """Whether the package has the part."""
        return name in self._archive.NameToInfo

    def size(self, name: str) -> int:
        """Return how many bytes the part says it unpacks to."""
        return self._archive.getinfo(name).file_size

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield the content of a part."""
        if not self.has(name):
            raise zipfile.BadZipFile(name)
        info = self._archive.getinfo(name)
        if info.flag_bits & 1:
            raise UnreadableListing(_("Файл Excel закрыт паролем: сохраните его без пароля."))
        length = 0
        with self._archive.open(info) as part:
            while piece := part.read(PIECE):
                length += len(piece)
                self._unpacked += len(piece)
                _check(length, info)
                if self._unpacked > MAX_UNPACKED:
                    raise _bomb()
                yield piece

    def parse(self, name: str, start: Start) -> None:
        """Call ``start`` with the tag and the attributes of every element of a small part."""
        if self.has(name) and self.size(name) > MAX_KEPT_PART:
            raise _bomb()
        parser = xml_parser(start=start)
        for piece in self.pieces(name):
            parser.parse(piece)
        parser.end()


class XmlParser:
    """Parses a part piece by piece. Raises BadZipFile for a tag or a comment that is too long."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._length = 0

    def parse(self, piece: bytes) -> None:
        self._parser.Parse(piece)
        self._length += len(piece)
        if self._length - self._parser.CurrentByteIndex > MAX_TAG:
            raise zipfile.BadZipFile("a tag that is too long")

    def end(self) -> None:
        self._parser.Parse(b"", True)


def xml_parser(
    *,
    start: Start,
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> XmlParser:
    """Return a parser of XML that refuses document types, and with them all entities.

    Tags and attributes come without their prefixes.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    depth = 0

    def opened(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise zipfile.BadZipFile("nested too deep")
        start(tag if ":" not in tag else tag.rpartition(":")[2], attributes)

    def closed(tag: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(tag if ":" not in tag else tag.rpartition(":")[2])

    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    return XmlParser(parser)


def _refuse_doctype(*_declared: object) -> None:
    raise zipfile.BadZipFile("a document type")


def _check(length: int, part: zipfile.ZipInfo) -> None:
    if length > SMALL and length > MAX_RATIO * max(part.compress_size, 1):
        raise _bomb()


def _bomb() -> UnreadableListing:
    return UnreadableListing(
        _("Файл Excel распаковывается в слишком большой объём: он не читается.")
    )
