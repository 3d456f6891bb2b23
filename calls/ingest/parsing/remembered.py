"""Remembers what functions of some fields read: sites, statuses and kinds come again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from calls.ingest.parsing.fields import Item

#: Values that are kept for each function; then all of them are forgotten.
MAX_REMEMBERED = 4096
#: Longer texts do not come again, and larger numbers are no codes.
MAX_TEXT, MAX_NUMBER = 128, 2**63

Result = TypeVar("Result")


class Remembered(Generic[Result]):
    """A function of the named fields of a record, and of nothing else.

    A field that is missing is read like null. Results are shared: callers must not change them.
    """

    def __init__(self, read: Callable[[Item], Result], names: tuple[str, ...]) -> None:
        self._read = read
        self._names = names
        self._known: dict[tuple[Any, ...], Result] = {}

    def __call__(self, item: Item) -> Result:
        """Return what the function reads. Raises what it raises."""
        values = tuple(map(item.get, self._names))
        key = (*values, *map(type, values))  # 1, 1.0 and True are equal
        try:
            return self._known[key]
        except KeyError:
            return self._remember(key, values)
        except TypeError:  # a list or an object
            return self._read(item)

    def _remember(self, key: tuple[Any, ...], values: tuple[Any, ...]) -> Result:
        result = self._read(dict(zip(self._names, values, strict=True)))
        if all(map(_is_short, values)):
            if len(self._known) >= MAX_REMEMBERED:
                self._known.clear()
            self._known[key] = result
        return result


def remembered(
    *names: str,
) -> Callable[[Callable[[Item], Result]], Remembered[Result]]:
    """Decorate a function of these fields: `Remembered`."""

    def decorate(read: Callable[[Item], Result]) -> Remembered[Result]:
        return Remembered(read, names)

    return decorate


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return len(value) <= MAX_TEXT
    return not isinstance(value, int) or abs(value) < MAX_NUMBER
