"""Writes an Excel workbook of one sheet as a stream: it begins before the rows are read.

XlsxWriter writes everything but the rows: its archive is complete only at the end, and it takes
some six times as long for a row (ADR 0069).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from calls.workbook import Cell, Column, cut, workbook_writer

_SHEET = "xl/worksheets/sheet1.xml"
#: Rows that are compressed together.
_ROWS = 200
#: The quickest one.
_LEVEL = 1
#: Texts that are kept escaped: states, sites and reasons repeat from row to row.
_KEPT_TEXTS = 512
#: Longer texts are not kept.
_LONG = 500
#: Excel counts days from here.
_EPOCH = datetime.fromisoformat("1899-12-30")
_DAY = timedelta(days=1)
_SAMPLE_TIME = datetime.fromisoformat("2000-01-01")
#: XML does not contain these; Excel writes them as _xHHHH_, and what looks so with an escape.
_NO_XML = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]")
_LOOKS_ESCAPED = re.compile(r"(_x[0-9a-fA-F]{4}_)")


def workbook_pieces(
    rows: Iterable[Sequence[Cell]], *, sheet: str, columns: Sequence[Column]
) -> Iterator[bytes]:
    """Yield the workbook that `workbook_writer` writes; memory does not grow with the rows."""
    parts, frame = _frame(sheet, columns)
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
        yield sink.taken()
        with archive.open(_SHEET, "w") as file:
            file.write(frame.head)
            for piece in _pieces(rows, frame, len(columns)):
                file.write(piece)
                if sink.pieces:
                    yield sink.taken()
            file.write(frame.tail)
    yield sink.taken()


class _Sink(io.RawIOBase):
    """A file that cannot be read or sought; what is written is taken out of it."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]  # zipfile writes bytes alone
        self.pieces.append(bytes(piece))
        return len(piece)

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        taken, self.pieces = b"".join(self.pieces), []
        return taken


@dataclass(frozen=True)
class _Frame:
    """The XML before and after the rows, and the numbers of the formats of texts and times."""

    head: bytes
    tail: bytes
    text: str
    time: str


def _frame(sheet: str, columns: Sequence[Column]) -> tuple[dict[str, bytes], _Frame]:
    """Return the parts of a workbook without its sheet, and the frame of the sheet."""
    file = io.BytesIO()
    with workbook_writer(file, sheet=sheet, columns=columns) as write:
        write(["x", _SAMPLE_TIME])
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if name != _SHEET}
        xml = archive.read(_SHEET).decode()
    # The dimension counts the rows; a sheet needs none.
    head, sample = re.sub(r"<dimension [^>]*/>", "", xml).split('<row r="2">')
    text, time = re.findall(r'<c r="[AB]2" s="(\d+)"', sample)
    tail = sample[sample.index("</sheetData>") :]
    return parts, _Frame(head.encode(), tail.encode(), text, time)


def _pieces(rows: Iterable[Sequence[Cell]], frame: _Frame, width: int) -> Iterator[bytes]:
    letters = [chr(ord("A") + place) for place in range(width)]
    # For this workbook alone: no text of a customer stays in the memory.
    kept = lru_cache(_KEPT_TEXTS)(_text)
    lines: list[str] = []
    for number, row in enumerate(rows, start=2):
        cells = (
            _cell(f"{letter}{number}", cell, frame, kept)
            for letter, cell in zip(letters, row, strict=True)
            if cell is not None and cell != ""
        )
        lines.append(f'<row r="{number}">{"".join(cells)}</row>')
        if len(lines) == _ROWS:
            yield "".join(lines).encode()
            lines.clear()
    yield "".join(lines).encode()


def _cell(place: str, cell: Cell, frame: _Frame, kept: Callable[[str], str]) -> str:
    if isinstance(cell, str):
        text = kept(cell) if len(cell) < _LONG else _text(cell)
        return f'<c r="{place}" s="{frame.text}" t="inlineStr"><is>{text}</is></c>'
    if isinstance(cell, datetime):
        return f'<c r="{place}" s="{frame.time}"><v>{(cell - _EPOCH) / _DAY!r}</v></c>'
    if isinstance(cell, int | Decimal):
        return f'<c r="{place}"><v>{cell}</v></c>'
    raise TypeError(f"a cell of {type(cell)}")


def _text(text: str) -> str:
    escaped = cut(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    if not escaped.isprintable() or "_x" in escaped:
        escaped = _LOOKS_ESCAPED.sub(r"_x005F\1", escaped)
        escaped = _NO_XML.sub(lambda found: f"_x{ord(found[0]):04X}_", escaped)
    preserve = ' xml:space="preserve"' if escaped != escaped.strip() else ""
    return f"<t{preserve}>{escaped}</t>"
