"""Redirects after a button that is on more than one page."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def return_url(request: HttpRequest, otherwise: str) -> str:
    """Return the page with the button (the referer), with its filter and order.

    ``otherwise`` when there is no referer or it is another site's.
    """
    referer = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        referer, {request.get_host()}, require_https=request.is_secure()
    )
    return referer if referer and is_ours else otherwise
