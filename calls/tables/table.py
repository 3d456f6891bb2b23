"""A table that was opened: its header and its rows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from django.utils.translation import gettext as _

from cabinets.quotes import quoted
from calls.ingest.parsing.file_format import UnreadableListing

Kind = Literal["csv", "xlsx", "json", "jsonl"]
#: Columns of a table.
MAX_COLUMNS = 500
#: Characters of a cell: as many as Excel holds.
MAX_CELL = 32_767
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a row is no record. ``cells``: its texts as they came, as far as they were read."""

    code: str
    message: str
    cells: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A record of the file, or why there is none.

    ``number``: the line of a CSV file (the first, where a cell has line breaks), the row of a
    sheet, the place in a JSON list from 1.
    """

    number: int
    item: Any


@dataclass(frozen=True)
class Table:
    """``header``: names of the columns; of JSON, those of the first record.

    ``count``: the number of records, None where only reading would tell. ``sheets``: all names.
    """

    kind: Kind
    header: list[str]
    #: Starts from the beginning at each call. Raises UnreadableListing where the file ends early.
    rows: Callable[[], Iterator[Row]]
    count: int | None = None
    sheets: list[str] = field(default_factory=list)
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None


def checked_header(cells: Sequence[str]) -> list[str]:
    """Return the names of the columns; blank ones at the end are left out.

    Raises UnreadableListing for names that are blank, repeated or too many.
    """
    names = trimmed([cell.lstrip("\ufeff").strip() for cell in cells])
    if not names:
        raise UnreadableListing(_("В таблице нет заголовков столбцов."))
    if len(names) > MAX_COLUMNS:
        sentence = _("В таблице %(count)d столбцов, а читается не больше %(most)d.")
        raise UnreadableListing(sentence % {"count": len(names), "most": MAX_COLUMNS})
    blank = [str(number) for number, name in enumerate(names, 1) if not name]
    if blank:
        sentence = _("Нет заголовка у столбцов: %(numbers)s. Назовите их в первой строке.")
        raise UnreadableListing(sentence % {"numbers": _listed(blank)})
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        sentence = _("Заголовки столбцов повторяются: %(names)s. Назовите столбцы по-разному.")
        raise UnreadableListing(sentence % {"names": _listed([quoted(one) for one in repeated])})
    if any(len(name) > MAX_NAME for name in names):
        sentence = _("Заголовок столбца длиннее %(most)d знаков: первая строка — не заголовки.")
        raise UnreadableListing(sentence % {"most": MAX_NAME})
    return names


def record_of(header: Sequence[str], cells: Sequence[str]) -> dict[str, str] | BadRow:
    """Return the cells by the names of their columns. A row of another length is bad."""
    cells = trimmed_to(cells, len(header))
    if len(cells) != len(header):
        sentence = _("В строке %(count)d значений, а столбцов %(columns)d.")
        values = {"count": len(cells), "columns": len(header)}
        return BadRow("ragged_row", sentence % values, tuple(cells))
    for name, cell in zip(header, cells, strict=True):
        if len(cell) > MAX_CELL:
            sentence = _("Значение столбца «%(name)s» длиннее %(most)d знаков.")
            return BadRow("cell_too_long", sentence % {"name": name, "most": MAX_CELL})
        if "\0" in cell:
            sentence = _("В столбце «%(name)s» нулевой байт: строка повреждена.")
            return BadRow("nul_character", sentence % {"name": name}, tuple(cells))
    return dict(zip(header, cells, strict=True))


def trimmed(cells: Sequence[str]) -> list[str]:
    """Return the cells without the blank ones at the end."""
    return trimmed_to(cells, 0)


def trimmed_to(cells: Sequence[str], length: int) -> list[str]:
    """Return the cells without the blank ones at the end that are beyond the length."""
    end = len(cells)
    while end > length and not cells[end - 1].strip():
        end -= 1
    return list(cells[:end])


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a row has no value."""
    return not any(cell.strip() for cell in cells)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(name[:MAX_NAME] for name in names[:10])
    return f"{shown}…" if len(names) > 10 else shown
