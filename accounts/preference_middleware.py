"""Shows every page in the language and the time zone of the person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from accounts.preferences import language_of, zone_of


class PreferenceMiddleware:
    """Stands after `CabinetMiddleware`, whose time zone the person's own replaces.

    Not for the API of senders: its sentences are part of its contract.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/api/v1/"):
            return self.get_response(request)
        language = language_of(request)
        with ExitStack() as stack:
            stack.enter_context(translation.override(language))
            zone = zone_of(request.user)
            if zone is not None:
                stack.enter_context(timezone.override(zone))
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", language)
        return response
