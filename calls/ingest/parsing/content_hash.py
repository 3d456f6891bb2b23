"""The hash that tells a changed call from the same content written otherwise. Pure."""

from __future__ import annotations

from typing import Any

from calls.ingest.parsing.fields import Item, as_text
from calls.ingest.parsing.json_values import canonical, digest

#: The log of webhooks sent and the page of the listing are not content of the call.
NOT_CONTENT = frozenset({"hooks", "page"})


def content_hash(raw: Item) -> str:
    """Return the same hash for records of the same content, in whatever order of fields."""
    content = {name: normalised(value) for name, value in raw.items() if name not in NOT_CONTENT}
    return digest(canonical(content))


def normalised(value: Any) -> Any:
    """Return the canonical form of the value.

    Values are equal only where every field reads them alike: a whole number and its text, null and
    an empty text. True is not 1; a fraction, which is no identifier, is not its text, which may be.
    """
    if isinstance(value, dict):
        return {name: normalised(one) for name, one in value.items()}
    if isinstance(value, list):
        return [normalised(one) for one in value]
    if isinstance(value, int | float):
        return as_text(value) or value
    return "" if value is None else value
