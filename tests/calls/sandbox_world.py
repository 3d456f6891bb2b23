"""Requests to the control API of the sandbox."""

from __future__ import annotations

from typing import Any

from devtools.sandbox import RunningSandbox
from tests.devtools.sandbox.actor import COUNTER, control


def rows_in_metrika(
    sandbox: RunningSandbox, channel: str = "calls", *, limit: int = 1000
) -> list[dict[str, str]]:
    """Return every row that the sandbox accepted for the linked counter."""
    rows: list[dict[str, str]] = control(
        sandbox, f"rows?counter={COUNTER}&channel={channel}&limit={limit}"
    )["rows"]
    return rows


def fault(sandbox: RunningSandbox, name: str, **details: Any) -> None:
    """Switch a fault on, by default for one request."""
    control(sandbox, "faults", name=name, **{"times": 1} | details)
