"""Values that a browser sends in an address or a form."""

from __future__ import annotations


def number_or_none(text: str) -> int | None:
    """Return a number from a browser; the length keeps it inside a column."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
