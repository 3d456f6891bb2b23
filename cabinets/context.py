"""What every page's frame shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from cabinets.models import Membership


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the cabinet and the person's right to change it, for the frame around a page."""
    membership: Membership | None = getattr(request, "membership", None)
    return {
        "cabinet": membership.cabinet if membership else None,
        "membership": membership,
        "can_manage": bool(membership and membership.can_manage),
    }
