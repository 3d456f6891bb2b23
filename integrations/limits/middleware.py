"""Applies the short Yandex timeout to requests made while serving a page."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from integrations.limits.web_slots import short_timeouts


class ShortTimeoutMiddleware:
    """Runs every view inside `short_timeouts`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with short_timeouts():
            return self.get_response(request)
