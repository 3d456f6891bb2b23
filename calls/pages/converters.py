"""Path converters of the pages of calls."""

from __future__ import annotations

from calls.call_key import KEY_DIGITS


class CallKeyConverter:
    """A call's key. It may consist of decimal digits only; a primary key never has that many."""

    regex = f"[0-9a-f]{{{KEY_DIGITS}}}"

    def to_python(self, value: str) -> str:
        return value

    def to_url(self, value: str) -> str:
        return value
