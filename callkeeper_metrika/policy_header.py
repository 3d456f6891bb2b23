"""Adds the Content-Security-Policy: that of pages, and a constant one for JSON."""

from __future__ import annotations

from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

#: The policy of what is no page. Nothing is loaded from it, whatever a browser makes of it.
NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
JSON = "application/json"


class PolicyHeaderMiddleware(CSPMiddleware):
    """As that of django-csp, which builds the policy anew for each response: JSON needs no own."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if response.headers.get("Content-Type") == JSON:
            response.headers[HEADER] = NO_PAGE
            return response
        return super().process_response(request, response)
