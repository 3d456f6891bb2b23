"""Faults of the sandbox for the demonstration, so that it shows every state."""

from __future__ import annotations

from typing import Any

import requests
from django.conf import settings

TIMEOUT_SECONDS = 10


def refuse_rows(rows: int) -> None:
    """Make the sandbox accept ``rows`` lines fewer of the next file."""
    _switch_on(name="rows_refused", times=1, rows=rows)


def refuse_file(marker: str) -> None:
    """Make the sandbox refuse the next file that contains ``marker``."""
    _switch_on(name="whole_file_400", times=1, marker=marker)


def _switch_on(**fault: Any) -> None:
    answer = requests.post(
        f"{settings.METRIKA_API_URL}/_sandbox/faults", json=fault, timeout=TIMEOUT_SECONDS
    )
    answer.raise_for_status()
