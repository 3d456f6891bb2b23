"""What the page of a source says about the mapping of its fields."""

from __future__ import annotations

from typing import Any

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.mapping import PRESETS
from calls.ways.saved_mapping import saved_mapping

#: The others send records of the v3 API.
MAPPED = (CallSource.Kind.WEBHOOK,)


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_mapping.html`; None for a source that needs no mapping."""
    if source.kind not in MAPPED:
        return None
    stored = saved_mapping(source)
    return {
        "template": "calls/sources/_panel_mapping.html",
        "stored": stored,
        "preset": PRESETS.get(stored.preset) if stored else None,
        "count": len(stored.fields) if stored else 0,
    }
