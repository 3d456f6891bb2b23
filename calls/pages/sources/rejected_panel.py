"""What the page of a source says about its rejected records."""

from __future__ import annotations

from typing import Any

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.queries.intake import waiting_rejected


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_rejected.html`; None when no rejected record waits."""
    waiting = waiting_rejected(source.pk)
    if not waiting:
        return None
    return {"template": "calls/sources/_panel_rejected.html", "waiting": waiting}
