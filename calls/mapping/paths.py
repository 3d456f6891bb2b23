"""Addresses the values of a nested item by dotted paths: `visit.current.utm_source`. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

#: Deeper values and further paths are not offered; they stay in the record as they came.
MAX_DEPTH = 6
MAX_PATHS = 300
MAX_PATH = 300
#: Items of a list of objects that get paths of their own.
MAX_INDEXED = 3
#: A form field may hold the whole call as a JSON text; longer texts are not decoded.
MAX_NESTED_TEXT = 65_536

Item = dict[str, Any]


def flatten(value: Any) -> dict[str, Any]:
    """Return path → value for every value of the item that is no object.

    A list of plain values is one value. A text that is a JSON object counts as that object.
    """
    found: dict[str, Any] = {}
    for path, leaf in _leaves(value, "", 0):
        if len(found) >= MAX_PATHS:
            break
        if path and len(path) <= MAX_PATH:
            found.setdefault(path, leaf)
    return found


def value_at(item: Any, path: str) -> Any:
    """Return the value at the path, None when there is none. Names may contain dots."""
    return _value_at(item, path, MAX_DEPTH)


def _leaves(value: Any, path: str, depth: int) -> Iterator[tuple[str, Any]]:
    members = _members(value)
    if members is None or (path and not members) or depth >= MAX_DEPTH:
        yield path, value
        return
    for name, one in members.items():
        yield from _leaves(one, f"{path}.{name}" if path else name, depth + 1)


def _members(value: Any) -> dict[str, Any] | None:
    """Return the named values inside a value, None when it is a value of its own."""
    content = _decoded(value)
    if isinstance(content, dict):
        return {str(name): one for name, one in content.items()}
    if isinstance(content, list) and any(isinstance(one, dict) for one in content):
        return {str(index): one for index, one in enumerate(content[:MAX_INDEXED])}
    return None


def _value_at(value: Any, path: str, depth: int) -> Any:
    members = _members(value)
    if members is None or depth < 0:
        return None
    if path in members:
        return members[path]
    for name in _beginnings(path):
        if name in members and name != path:
            found = _value_at(members[name], path[len(name) + 1 :], depth - 1)
            if found is not None:
                return found
    return None


def _beginnings(path: str) -> Iterator[str]:
    """Yield the path and its shorter beginnings, the longest first."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _decoded(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith("{"):
        return value
    if len(value) > MAX_NESTED_TEXT:
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
