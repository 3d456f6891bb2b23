"""The form of a notice in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Facts = dict[str, Any]


@dataclass(frozen=True)
class Words:
    """A sentence with the next step, and the page where that is done."""

    text: str
    url: str
    label: str
