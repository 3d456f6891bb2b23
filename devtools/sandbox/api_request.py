"""An authorized request to the Metrika API: login, counter, item."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from .messages import ApiError, Request
from .world import World


@dataclass(frozen=True)
class ApiRequest:
    """``counter_number`` and ``item`` (a goal, an uploading, a request for logs) are 0 without one.

    ``part`` is the number of a part of prepared logs.
    """

    world: World
    request: Request
    counter_number: int
    item: int
    part: int = 0

    @property
    def login(self) -> str:
        return self.request.login

    @property
    def permission(self) -> str:
        return self.world.counters.permission(self.counter_number, self.login)

    @property
    def counter(self) -> sqlite3.Row:
        found = self.world.counters.find(self.counter_number)
        if found is None:
            raise ApiError(404, "not_found", "Counter not found")
        return found
