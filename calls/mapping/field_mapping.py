"""A mapping: which of a sender's values becomes which field of a v3 record. Pure."""

from __future__ import annotations

from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field
from typing import Any

from calls.mapping.our_fields import BY_NAME
from calls.mapping.paths import MAX_PATH


@dataclass(frozen=True)
class Mapping:
    """``fields``: name of a v3 field → path in the sender's item.

    ``preset``: key of the ready mapping it comes from, whose conventions it keeps; "" for none.
    """

    fields: dict[str, str] = field(default_factory=dict)
    preset: str = ""

    def __bool__(self) -> bool:
        return bool(self.fields)


def usable_fields(came: AnyMapping[str, Any]) -> dict[str, str]:
    """Return the pairs that name a field of ours and a usable path, in the order of our fields."""
    return {
        name: path
        for name in BY_NAME
        if isinstance(path := came.get(name), str) and 0 < len(path) <= MAX_PATH
    }
