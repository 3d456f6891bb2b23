"""Russian plural forms for sentences with a count."""

from __future__ import annotations

from typing import TypeVar

Words = TypeVar("Words")


def plural(count: int, one: Words, few: Words, many: Words) -> Words:
    """Return the form that Russian uses with ``count``: 1 (21) one, 2-4 (22) few, 5-20 many.

    `ngettext` needs a translation catalogue for the third form, and the product has none.
    """
    if count % 10 == 1 and count % 100 != 11:
        return one
    if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14):
        return few
    return many
