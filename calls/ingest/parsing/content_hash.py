"""Tells a change of a call from another way of writing the same. Pure."""

from __future__ import annotations

from typing import Any

from calls.ingest.parsing.fields import Item, as_text
from calls.ingest.parsing.json_values import canonical, digest

#: Log of webhooks sent and the page of the listing: neither is about the call itself.
NOT_CONTENT = frozenset({"hooks", "page"})


def content_hash(raw: Item) -> str:
    """Return one hash for all records that say the same, whatever the order of their fields."""
    content = {name: _said(value) for name, value in raw.items() if name not in NOT_CONTENT}
    return digest(canonical(content))


def _said(value: Any) -> Any:
    """Return the value in one way of writing it.

    Only what every field reads alike is one: a whole number and its text, null and an empty text.
    A flag is not its number, and a fraction, which names nothing, is not its text, which may.
    """
    if isinstance(value, dict):
        return {name: _said(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_said(one) for one in value]
    if isinstance(value, int | float):
        return as_text(value) or value
    return "" if value is None else value
