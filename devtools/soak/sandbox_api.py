"""The control room of the sandbox, as a tool outside of it sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import requests

TIMEOUT_SECONDS = 60
ROWS_PER_PAGE = 20_000


class HeldRow(NamedTuple):
    """Of a row that the stand-in for Metrika holds: where it came in, and whose call it is."""

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

    def look(self, path: str) -> Any:
        """Return what the control room shows. Raises requests.RequestException."""
        return self._ask("GET", path)

    def act(self, path: str, **wish: Any) -> Any:
        """Do something in the control room."""
        return self._ask("POST", path, wish)

    def fault(self, name: str, *, times: int | None = 1, **details: Any) -> None:
        """Switch a fault on for so many requests; None means until it is cleared."""
        self.act("faults", name=name, times=times, **details)

    def clear_faults(self) -> None:
        """Switch every fault off."""
        self._ask("DELETE", "faults")

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield every row that the stand-in for Metrika holds, oldest first."""
        offset = 0
        while page := self.look(f"rows?limit={ROWS_PER_PAGE}&offset={offset}")["rows"]:
            yield from page
            offset += len(page)

    def newest_row(self) -> int:
        """Return the number of the last row there is."""
        return int(self.look("held?limit=0")["newest"])

    def held(self, *, after: int = 0) -> Iterator[list[HeldRow]]:
        """Yield the rows behind the row ``after``, oldest first, a page at a time."""
        while page := self.look(f"held?after={after}&limit={ROWS_PER_PAGE}")["held"]:
            yield [HeldRow(*row) for row in page]
            after = page[-1][0]

    def forget_requests(self) -> None:
        """Let the counts and peaks of requests begin now."""
        self._ask("DELETE", "requests")

    def _ask(self, method: str, path: str, wish: dict[str, Any] | None = None) -> Any:
        answer = requests.request(
            method, f"{self.url}/_sandbox/{path}", json=wish, timeout=TIMEOUT_SECONDS
        )
        answer.raise_for_status()
        return answer.json()
