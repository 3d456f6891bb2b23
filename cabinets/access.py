"""Access to the cabinet's pages: decorators for every view, and the cabinet of the session."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db.models import Expression
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.middleware import HtmxDetails

from cabinets.models import Cabinet, Membership

View = Callable[..., HttpResponse]
CHOSEN_CABINET = "cabinet_id"
#: Columns that other apps add to the memberships of a request, so that what a page shows of them
#: costs no query of its own.
membership_columns: dict[str, Callable[[], Expression]] = {}


class CabinetRequest(HttpRequest):
    """A request of a signed-in user with a cabinet, as `cabinet_required` passes it to the view."""

    user: User
    membership: Membership
    cabinet: Cabinet
    htmx: HtmxDetails
    #: The user's memberships in their other cabinets.
    other_memberships: list[Membership]


def memberships_of(request: HttpRequest) -> list[Membership]:
    """Return the user's memberships: the one of the chosen cabinet first, then by age."""
    if not request.user.is_authenticated or request.path.startswith(("/static/", "/api/v1/")):
        return []
    columns = {name: column() for name, column in membership_columns.items()}
    mine = Membership.objects.select_related("cabinet").filter(user=request.user)
    memberships = mine.annotate(**columns)
    chosen = request.session.get(CHOSEN_CABINET)
    return sorted(memberships, key=lambda one: (one.cabinet_id != chosen, one.pk))


def switch_cabinet(request: CabinetRequest, cabinet_id: int) -> bool:
    """Make it the cabinet of this session; False when the user is not a member of it."""
    mine = {one.cabinet_id for one in (request.membership, *request.other_memberships)}
    if cabinet_id not in mine:
        return False
    request.session[CHOSEN_CABINET] = cabinet_id
    return True


def cabinet_required(view: View) -> View:
    """Refuse (403) a user without a cabinet with a page that says what to do."""

    @functools.wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if getattr(request, "membership", None) is None:
            return render(request, "cabinets/no_cabinet.html", status=403)
        return view(request, *args, **kwargs)

    return guarded


def manage_required(view: View) -> View:
    """Refuse (403) a viewer: one who may look but not change."""

    @functools.wraps(view)
    @cabinet_required
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not cast(CabinetRequest, request).membership.can_manage:
            raise PermissionDenied("viewer")
        return view(request, *args, **kwargs)

    return guarded


def owner_required(view: View) -> View:
    """Refuse (403) everybody but an owner."""

    @functools.wraps(view)
    @manage_required
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if cast(CabinetRequest, request).membership.role != Membership.Role.OWNER:
            raise PermissionDenied("not an owner")
        return view(request, *args, **kwargs)

    return guarded


def same_cabinet(view: View) -> View:
    """Refuse (409) a form whose page was opened in another cabinet than the session's present one.

    All tabs share the session's cabinet: a form in a stale tab would create its object for the
    wrong customer. Goes under `manage_required`.
    """

    @functools.wraps(view)
    def guarded(request: CabinetRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        chosen = str(request.cabinet.pk)
        if request.POST.get("cabinet", chosen) != chosen:
            return render(request, "cabinets/other_cabinet.html", status=409)
        return view(request, *args, **kwargs)

    return guarded
