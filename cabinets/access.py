"""Who may open what: every page of the cabinet goes through one of these decorators."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

from cabinets.models import Cabinet, Membership

View = Callable[..., HttpResponse]
CHOSEN_CABINET = "cabinet_id"


class CabinetRequest(HttpRequest):
    """A request whose person has a cabinet; what `cabinet_required` hands to the view."""

    membership: Membership
    cabinet: Cabinet
    htmx: HtmxDetails
    #: The person's memberships in their other cabinets.
    other_memberships: list[Membership]


def memberships_of(request: HttpRequest) -> list[Membership]:
    """Return the person's memberships: the chosen cabinet's first, then in order of joining."""
    if not request.user.is_authenticated or request.path.startswith(("/static/", "/api/v1/")):
        return []
    memberships = Membership.objects.select_related("cabinet").filter(user=request.user)
    chosen = request.session.get(CHOSEN_CABINET)
    return sorted(memberships, key=lambda one: (one.cabinet_id != chosen, one.pk))


def choose(request: CabinetRequest, cabinet_id: int) -> bool:
    """Open this cabinet from now on in this session; False when the person is not in it."""
    mine = {one.cabinet_id for one in (request.membership, *request.other_memberships)}
    if cabinet_id not in mine:
        return False
    request.session[CHOSEN_CABINET] = cabinet_id
    return True


def cabinet_required(view: View) -> View:
    """Refuse (403) a person without a cabinet, and say what to do about it."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if getattr(request, "membership", None) is None:
            return render(request, "cabinets/no_cabinet.html", status=403)
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


def same_cabinet(view: View) -> View:
    """Refuse (409) a form whose page was opened in another cabinet than the one chosen by now.

    The cabinet is the session's, and so every tab's: a form that creates something would create it
    for the wrong customer. Goes under `manage_required`.
    """

    @functools.wraps(view)
    def guarded(request: CabinetRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        chosen = str(request.cabinet.pk)
        if request.POST.get("cabinet", chosen) != chosen:
            return render(request, "cabinets/other_cabinet.html", status=409)
        return view(request, *args, **kwargs)

    return guarded
