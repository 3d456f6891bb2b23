"""Client of the sandbox's control API, `/_sandbox/…`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import requests

TIMEOUT_SECONDS = 60
ROWS_PER_PAGE = 20_000


class HeldRow(NamedTuple):
    """A row stored in the sandbox: its origin, and what identifies its call."""

    number: int
    counter: int
    channel: str
    marker: str
    call_page: str
    visitor: str
    moment: int


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox at ``url``; its answers are the plain JSON of `/_sandbox/…`."""

    url: str

    def get(self, path: str) -> Any:
        """GET a path of the control API. Raises requests.RequestException."""
        return self._ask("GET", path)

    def post(self, path: str, **body: Any) -> Any:
        """POST `body` to a path of the control API."""
        return self._ask("POST", path, body)

    def fault(self, name: str, *, times: int | None = 1, **details: Any) -> None:
        """Switch a fault on for ``times`` requests; None means until it is cleared."""
        self.post("faults", name=name, times=times, **details)

    def clear_faults(self) -> None:
        """Switch every fault off."""
        self._ask("DELETE", "faults")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every row stored in the sandbox, oldest first."""
        offset = 0
        while page := self.get(f"rows?limit={ROWS_PER_PAGE}&offset={offset}")["rows"]:
            yield from page
            offset += len(page)

    def newest_row(self) -> int:
        """Return the number of the newest row, 0 without any."""
        return int(self.get("held?limit=0")["newest"])

    def held(self, *, after: int = 0) -> Iterator[list[HeldRow]]:
        """Yield the rows behind the row ``after``, oldest first, a page at a time."""
        while page := self.get(f"held?after={after}&limit={ROWS_PER_PAGE}")["held"]:
            yield [HeldRow(*row) for row in page]
            after = page[-1][0]

    def forget_requests(self) -> None:
        """Reset the counts and peaks of requests."""
        self._ask("DELETE", "requests")

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = requests.request(
            method, f"{self.url}/_sandbox/{path}", json=body, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        return answer.json()
