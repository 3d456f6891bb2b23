"""Finds the cabinet of the signed-in user and activates its time zone."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from cabinets.access import memberships_of
from cabinets.models import Membership


class CabinetMiddleware:
    """Sets ``request.membership``, ``cabinet`` and ``other_memberships``.

    The first two are None for staff without a cabinet.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        ranked = memberships_of(request)
        membership = ranked[0] if ranked else None
        request.membership = membership  # type: ignore[attr-defined]  # Django's own idiom
        request.cabinet = membership.cabinet if membership else None  # type: ignore[attr-defined]
        request.other_memberships = ranked[1:]  # type: ignore[attr-defined]
        response = self._respond(request, membership)
        if request.path.startswith("/lk/"):
            # The pages show phone numbers: neither a proxy nor a shared browser may store them.
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def _respond(self, request: HttpRequest, membership: Membership | None) -> HttpResponse:
        if membership is None:
            return self.get_response(request)
        with timezone.override(membership.cabinet.zone):
            return self.get_response(request)
