"""Leads posted calls to their view past the middleware that serves people."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from calls.ingest.request_head import PATH
from calls.ways.signed_api import post_calls


class ShortPathMiddleware:
    """Calls the view of `POST /api/v1/calls` itself.

    Such a request has no session, person, form, cabinet or message. What the middleware that is
    left out would check of it or add to its response is done here.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info != PATH or request.method != "POST":
            return self.get_response(request)
        request.get_host()  # raises DisallowedHost
        response = post_calls(request)
        response.headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        response.headers["Content-Length"] = str(len(response.content))
        return response
