"""What a ready mapping consists of, and which items it fits. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise

from calls.mapping.field_mapping import Mapping
from calls.mapping.paths import Item

#: Codes of a call that is not over; its end comes with a later request.
UNFINISHED = {"statusFirst": 1, "statusSecond": 0}


@dataclass(frozen=True)
class Preset:
    """A ready mapping.

    ``candidates``: our field → paths in order of preference; a path may also come deeper in the
    item. ``signatures``: sets of paths, one of which a matching item has. ``utc_paths``: times that
    are UTC though they say no zone. ``constants``: values of every record. ``unfinished``: a path
    and the values it has before the call is over. ``computed``: values derived from the item.
    ``is_native``: the parser reads these records as they are.
    """

    key: str
    title: str | Promise
    doc_url: str
    candidates: dict[str, tuple[str, ...]]
    signatures: tuple[frozenset[str], ...]
    utc_paths: frozenset[str] = frozenset()
    constants: dict[str, str] = field(default_factory=dict)
    unfinished: tuple[str, frozenset[str]] = ("", frozenset())
    computed: Callable[[Item], dict[str, Any]] | None = None
    is_native: bool = False

    def matches(self, paths: Iterable[str]) -> bool:
        """Whether an item with these paths is of this shape."""
        names = _endings(paths)
        return any(signature <= names for signature in self.signatures)

    def mapping(self, paths: Iterable[str]) -> Mapping:
        """Return the mapping for an item with these paths."""
        known = [*paths, *(self.computed({}) if self.computed else ())]
        chosen = {
            name: path
            for name, candidates in self.candidates.items()
            if (path := _first(candidates, known))
        }
        return Mapping(chosen, self.key)


def names(**candidates: str) -> dict[str, tuple[str, ...]]:
    return {name: tuple(paths.split()) for name, paths in candidates.items()}


def _endings(paths: Iterable[str]) -> set[str]:
    """Return the paths and every ending of them: a, b.c of `a.b.c` and c."""
    found: set[str] = set()
    for path in paths:
        while path:
            found.add(path)
            path = path.partition(".")[2]
    return found


def _first(candidates: tuple[str, ...], paths: list[str]) -> str:
    """Return the path of the first candidate that came, the least nested one."""
    for candidate in candidates:
        fitting = [one for one in paths if one == candidate or one.endswith(f".{candidate}")]
        if fitting:
            return min(fitting, key=lambda one: one.count("."))
    return ""
