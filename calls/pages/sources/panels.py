"""The panels of a source's page, in order; each says whether it concerns the source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cabinets.access import CabinetRequest
from cabinets.models import CallSource
from calls.pages.sources import (
    address_panel,
    counts_panel,
    import_page,
    mapping_panel,
    pull_panel,
    received_panel,
    rejected_panel,
    trial_panel,
    watch_panel,
)

#: Returns the panel's context with its `template`, None when the source has no such panel.
Panel = Callable[[CabinetRequest, CallSource], dict[str, Any] | None]

PANELS: tuple[Panel, ...] = (
    address_panel.panel,
    pull_panel.panel,
    received_panel.panel,
    rejected_panel.panel,
    counts_panel.panel,
    mapping_panel.panel,
    import_page.panel,
    watch_panel.panel,
    trial_panel.panel,
)


def panels_of(request: CabinetRequest, source: CallSource) -> list[dict[str, Any]]:
    """Return the contexts of the panels of this source's page."""
    return [found for one in PANELS if (found := one(request, source)) is not None]
