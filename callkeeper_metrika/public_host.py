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
ELSEWHERE = ("/api/", "/admin/", "/healthz", "/readyz", "/metrics", "/status.json", "/static/")

#: Cookie of a browser that was redirected this many seconds ago at most. It belongs to the host at
#: which the browser asked: it comes again only if the redirect has led to that very host.
REDIRECTED, LOOP_SECONDS = "ck_redirected", 10


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
            port = f":{public.port}" if public.port else ""
            host = _public_host() + port
            address = f"{public.scheme}://{host}{request.get_full_path()}"
            response = HttpResponseRedirect(address)
            response.headers["Cache-Control"] = "no-store"
            response.set_cookie(
                REDIRECTED, "1", max_age=LOOP_SECONDS, httponly=True, samesite="Lax"
            )
            return response
        return self.get_response(request)


def _is_page(request: HttpRequest) -> bool:
    return request.method in ("GET", "HEAD") and not request.path.startswith(ELSEWHERE)


def _is_elsewhere(request: HttpRequest) -> bool:
    host = split_domain_port(request.get_host())[0]
    if _ascii(host) == _public_host() or _is_redirected(request):
        return False
    return not (_is_loopback(host) and "X-Forwarded-For" in request.headers)


def _public_host() -> str:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    return f"[{host}]" if ":" in host else _ascii(host)


def _ascii(host: str) -> str:
    """Return the host as browsers send it: names in Cyrillic are in Punycode."""
    try:
        return host.encode("idna").decode().lower()
    except UnicodeError:
        return host.lower()


def _is_redirected(request: HttpRequest) -> bool:
    """Return whether a redirect has brought the browser here already.

    Then a proxy replaces the host by a name of its own, and another redirect would lead here again.
    """
    return request.COOKIES.get(REDIRECTED) == "1"


def _is_loopback(host: str) -> bool:
    """Return whether a proxied request has the proxy's own name for us instead of the browser's.

    Then the browser's host is unknown, and a redirect could lead to itself for ever.
    """
    try:
        return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
