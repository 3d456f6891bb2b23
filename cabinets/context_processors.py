"""Template context of every page."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from cabinets.models import Membership


def cabinet(request: HttpRequest) -> dict[str, Any]:
    """Return the cabinet, whether the user may change it, and the user's other cabinets."""
    membership: Membership | None = getattr(request, "membership", None)
    return {
        "cabinet": membership.cabinet if membership else None,
        "membership": membership,
        "other_memberships": getattr(request, "other_memberships", []),
        "can_manage": bool(membership and membership.can_manage),
    }
