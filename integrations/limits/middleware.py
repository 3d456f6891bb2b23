"""Puts whatever a page asks of Yandex in a hurry."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from integrations.limits.web_slots import short_timeouts


class ShortTimeoutMiddleware:
    """Marks every request as one that somebody waits for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with short_timeouts():
            return self.get_response(request)
