"""Where a person goes after pressing a button that stands on more than one page."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme


def return_url(request: HttpRequest, otherwise: str) -> str:
    """Return the page with the button, so that its filter and order stay; never a foreign one."""
    referer = request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(
        referer, {request.get_host()}, require_https=request.is_secure()
    )
    return referer if referer and is_ours else otherwise
