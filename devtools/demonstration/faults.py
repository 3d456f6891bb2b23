"""Lets a few things go wrong on purpose, so that every state can be seen in the demonstration."""

from __future__ import annotations

from typing import Any

import requests
from django.conf import settings

TIMEOUT_SECONDS = 10


def refuse_rows(rows: int) -> None:
    """Let the sandbox count fewer lines of the next file than were sent."""
    _switch_on(name="rows_refused", times=1, rows=rows)


def refuse_file(marker: str) -> None:
    """Let the sandbox refuse the next file in which the text occurs."""
    _switch_on(name="whole_file_400", times=1, marker=marker)


def _switch_on(**fault: Any) -> None:
    answer = requests.post(
        f"{settings.METRIKA_API_URL}/_sandbox/faults", json=fault, timeout=TIMEOUT_SECONDS
    )
    answer.raise_for_status()
