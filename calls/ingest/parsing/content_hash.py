"""The hash that tells a changed call from the same content written otherwise. Pure."""

from __future__ import annotations

from typing import Any

from calls.ingest.parsing.fields import Item, as_text
from calls.ingest.parsing.json_values import (
    MAX_LEVELS,
    TooDeep,
    canonical,
    digest,
    digest_bytes,
    is_plainly_storable,
    is_storable,
    plain_canonical,
    storable,
)

#: The log of webhooks sent and the page of the listing are not content of the call.
NOT_CONTENT = frozenset({"hooks", "page"})


_PLAIN_ITEMS = {str, int}


def content_hash(raw: Item) -> str:
    """Return the same hash for records of the same content, in whatever order of fields."""
    return digest(_written(raw))


def read_content(item: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the record as `storable` does, and its content hash. Raises TooDeep.

    The canonical text of the content, which is hashed, tells as well whether it can be stored.
    """
    if (plain := _plainly_written(item)) is not None:
        return item, digest_bytes(plain)
    written = _written(item)
    others = {name: item[name] for name in NOT_CONTENT & item.keys()}
    if is_storable(written) and (not others or storable(others) is others):
        return item, digest(written)
    raw = storable(item)
    return raw, content_hash(raw)


def _plainly_written(item: dict[str, Any]) -> bytes | None:
    """Return what `_written` does, in UTF-8, of a record that can be stored as it is.

    None for one with other values than texts, whole numbers, yes and no, null, and lists of texts
    and whole numbers.
    """
    content = dict(item)
    others = {name: content.pop(name) for name in NOT_CONTENT & item.keys()}
    if others and not is_plainly_storable(others):
        return None
    for name, value in content.items():
        kind = type(value)
        if kind is str or kind is bool:
            continue
        if kind is int:
            content[name] = str(value)
        elif value is None:
            content[name] = ""
        elif kind is list and set(map(type, value)) <= _PLAIN_ITEMS:
            content[name] = list(map(str, value))
        else:
            return None
    return plain_canonical(content)


def _written(item: Item) -> str:
    return canonical(
        {name: normalised(value, 2) for name, value in item.items() if name not in NOT_CONTENT}
    )


def normalised(value: Any, level: int = 1) -> Any:
    """Return the canonical form of the value. Raises TooDeep beyond MAX_LEVELS.

    Values are equal only where every field reads them alike: a whole number and its text, null and
    an empty text. True is not 1; a fraction, which is no identifier, is not its text, which may be.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        if level > MAX_LEVELS:
            raise TooDeep("nested too deep")
        if isinstance(value, list):
            return [normalised(one, level + 1) for one in value]
        return {name: normalised(one, level + 1) for name, one in value.items()}
    if isinstance(value, int | float):
        return as_text(value) or value
    return "" if value is None else value
