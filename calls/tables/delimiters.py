"""Finds what separates the cells of a CSV file. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

DELIMITERS = (";", ",", "\t", "|")
#: Lines that are looked at.
LINES = 20
#: The first line of a file that Excel is to open: it names the separator.
_NAMED = re.compile(r"sep=(.)\s*", re.IGNORECASE)
_QUOTED = re.compile(r'"(?:[^"]|"")*(?:"|$)')


def named_delimiter(line: str) -> str | None:
    """Return the separator that the line `sep=;` names, None for any other line."""
    found = _NAMED.fullmatch(line.lstrip("\ufeff"))
    return found[1] if found else None


def find_delimiter(text: str) -> str | None:
    """Return the separator of the text's first lines, None when it has one column.

    It is the one that comes outside quotes in the header and equally often in the most lines.
    """
    lines = [line for line in _QUOTED.sub("", text).splitlines() if line.strip()][:LINES]
    if not lines:
        return None
    found = [one for one in DELIMITERS if one in lines[0]]
    return max(found, key=lambda one: _likeness(lines, one), default=None)


def _likeness(lines: Sequence[str], delimiter: str) -> tuple[int, int]:
    """Return how many lines have as many separators as the header, and how many it has."""
    count = lines[0].count(delimiter)
    return sum(line.count(delimiter) == count for line in lines), count
