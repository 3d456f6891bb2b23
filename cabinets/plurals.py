"""Plural forms for sentences with a count, in the language in force."""

from __future__ import annotations

from typing import TypeVar

from django.utils.translation import get_language

Words = TypeVar("Words")


def plural(count: int, one: Words, few: Words, many: Words) -> Words:
    """Return the form of the language in force: each form is translated by itself.

    Russian: 1 (21) one, 2-4 (22) few, 5-20 many. English: 1 one, otherwise many, and ``few`` is
    translated like ``many``. `ngettext` has no third form without a Russian catalogue.
    """
    if (get_language() or "").startswith("en"):
        return one if count == 1 else many
    if count % 10 == 1 and count % 100 != 11:
        return one
    if count % 10 in (2, 3, 4) and count % 100 not in (12, 13, 14):
        return few
    return many
