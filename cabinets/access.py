"""Who may open what: every page of the cabinet goes through one of these decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from cabinets.models import Cabinet, Membership

View = Callable[..., HttpResponse]
CHOSEN_CABINET = "cabinet_id"


class CabinetRequest(HttpRequest):
    """A request whose person has a cabinet; what `cabinet_required` hands to the view."""

    membership: Membership
    cabinet: Cabinet


def membership_of(request: HttpRequest) -> Membership | None:
    """Return the person's membership in the chosen cabinet, else in their first one."""
    if not request.user.is_authenticated or request.path.startswith(("/static/", "/api/v1/")):
        return None
    memberships = Membership.objects.select_related("cabinet").filter(user=request.user)
    chosen = request.session.get(CHOSEN_CABINET)
    ranked = sorted(memberships, key=lambda one: (one.cabinet_id != chosen, one.pk))
    return ranked[0] if ranked else None


def cabinet_required(view: View) -> View:
    """Refuse (403) a person without a cabinet."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if getattr(request, "membership", None) is None:
            raise PermissionDenied("no cabinet")
        return view(request, *args, **kwargs)

    return guarded


def manage_required(view: View) -> View:
    """Refuse (403) a person who may look but not change."""

    @functools.wraps(view)
    @cabinet_required
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not cast(CabinetRequest, request).membership.can_manage:
            raise PermissionDenied("viewer")
        return view(request, *args, **kwargs)

    return guarded
