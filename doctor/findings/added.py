"""Checks that other apps add: what they know and this app does not import, such as open notices."""

from __future__ import annotations

from collections.abc import Callable

from cabinets.models import Cabinet
from doctor.findings.check import Check

#: Returns the checks of a cabinet, or with an id those of one counter of it.
Search = Callable[[Cabinet, int | None], list[Check]]

searches: list[Search] = []


def checks_added(cabinet: Cabinet, counter: int | None) -> list[Check]:
    """Return what the other apps found."""
    return [check for search in searches for check in search(cabinet, counter)]
