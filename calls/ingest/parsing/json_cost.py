"""Bounds what parsing a body may cost, from its bytes alone. Pure.

Parsing costs far more than the bytes tell: a list without items takes three bytes, and as much work
as a field. The bounds are counted with searches for single bytes, in text as well as outside.
"""

from __future__ import annotations

#: Commas and opening brackets: no fewer than there are values, and levels of nesting. 500 calls of
#: 200 fields; a record of CallKeeper has 60.
MAX_MARKS = 100_000
#: Bytes without a quotation mark, so the length of a text, its escaped quotation marks apart.
MAX_TEXT_BYTES = 256 * 1024
MARKS = (b",", b"[", b"{")


def is_too_costly(body: bytes) -> bool:
    """Whether the body has more values, deeper nesting or longer texts than calls can have."""
    return sum(map(body.count, MARKS)) > MAX_MARKS or _has_long_text(body)


def _has_long_text(body: bytes) -> bool:
    """Jump from each window's last quotation mark to the next window."""
    at = 0
    while len(body) - at > MAX_TEXT_BYTES:
        last = body.rfind(b'"', at, at + MAX_TEXT_BYTES)
        if last < 0:
            return True
        at = last + 1
    return False
