"""Leads pages that are opened at another host to the one of PUBLIC_URL.

Cookies belong to a host: a person who signs in at `localhost` and links an account comes back from
Yandex to PUBLIC_URL, where there is no session, and the link is lost.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.request import split_domain_port

#: Asked by programs at the host they know, or, the admin, by staff at a host of their own.
ELSEWHERE = ("/api/", "/admin/", "/healthz", "/readyz", "/metrics", "/static/")


class PublicHostMiddleware:
    """Redirects GET and HEAD of a page; path and query stay. Other requests are not repeatable.

    Only host names are compared: cookies are shared by ports, and a proxy may drop the port. The
    redirect leads to PUBLIC_URL whatever the request says; a host outside ALLOWED_HOSTS is refused
    before it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if _is_page(request) and _is_elsewhere(request):
            public = urlsplit(settings.PUBLIC_URL)
            address = f"{public.scheme}://{public.netloc}{request.get_full_path()}"
            response = HttpResponseRedirect(address)
            response.headers["Cache-Control"] = "no-store"
            return response
        return self.get_response(request)


def _is_page(request: HttpRequest) -> bool:
    return request.method in ("GET", "HEAD") and not request.path.startswith(ELSEWHERE)


def _is_elsewhere(request: HttpRequest) -> bool:
    host = split_domain_port(request.get_host())[0]
    is_public = host == _public_host()
    return not is_public and not (_is_loopback(host) and "X-Forwarded-For" in request.headers)


def _public_host() -> str:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    """Return whether a proxied request has the proxy's own name for us instead of the browser's.

    Then the browser's host is unknown, and a redirect could lead to itself for ever.
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
