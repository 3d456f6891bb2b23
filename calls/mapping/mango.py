"""Lengths of a call of Mango Office, which sends moments in Unix seconds instead. Pure."""

from __future__ import annotations

from typing import Any

from calls.mapping.paths import Item, flatten


def talk_times(item: Item) -> dict[str, Any]:
    """Return seconds of talk and of waiting; nothing is said of a call without its moments."""
    moments = {path.rpartition(".")[2]: value for path, value in flatten(item).items()}
    created, talked, ended = (
        _seconds(moments.get(name)) for name in ("create_time", "talk_time", "end_time")
    )
    if not talked:
        return {"talk_seconds": 0, "wait_seconds": max(ended - created, 0) if created else 0}
    return {"talk_seconds": max(ended - talked, 0), "wait_seconds": max(talked - created, 0)}


def _seconds(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
