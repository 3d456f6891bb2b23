"""Notes on Metrika's charts: what is sent and what comes back.

https://yandex.ru/dev/metrika/en/management/openapi/chart_annotation/create documents the fields and
their lengths. It names no time zone (we take the counter's), and the list's key is inferred.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .reading import Misshapen

MAX_TITLE, MAX_MESSAGE = 255, 1023
GROUP = "A"


@dataclass(frozen=True)
class Annotation:
    """A note as Metrika has it."""

    annotation_id: int
    title: str
    message: str


def body_of(at: datetime, title: str, message: str) -> dict[str, Any]:
    """Return the body of a new note at a time of the counter's zone; long texts are cut."""
    note = {
        "date": f"{at:%Y-%m-%d}",
        "time": f"{at:%H:%M:%S}",
        "title": title[:MAX_TITLE],
        "message": message[:MAX_MESSAGE],
        "group": GROUP,
    }
    return {"chart_annotation": note}


def read_annotation(row: Any) -> Annotation:
    """``{"id": 7, "date": "2025-01-01", "time": "12:00:00", "title": …, "message": …}``"""
    if not isinstance(row, dict) or not isinstance(row.get("id"), int):
        raise Misshapen("a note has no id")
    return Annotation(row["id"], str(row.get("title") or ""), str(row.get("message") or ""))
