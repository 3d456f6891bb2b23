"""The way to trial calls on the page of a source."""

from __future__ import annotations

from typing import Any

from cabinets.access import CabinetRequest
from cabinets.models import CallSource


def panel(request: CabinetRequest, source: CallSource) -> dict[str, Any] | None:
    """Return the context of `_panel_trial.html`; None for people who may not make any."""
    if not request.membership.can_manage or not source.is_active:
        return None
    return {"template": "calls/sources/_panel_trial.html"}
