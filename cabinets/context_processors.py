"""What every page's frame shows."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from cabinets.models import Membership


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the cabinet, the right to change it, and the person's other cabinets."""
    membership: Membership | None = getattr(request, "membership", None)
    return {
        "cabinet": membership.cabinet if membership else None,
        "membership": membership,
        "other_memberships": getattr(request, "other_memberships", []),
        "can_manage": bool(membership and membership.can_manage),
    }
