"""Values that a browser sends in a URL or a form."""

from __future__ import annotations


def number_or_none(text: str) -> int | None:
    """Return the text as a number of at most 18 digits, which fits a bigint; None otherwise."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
