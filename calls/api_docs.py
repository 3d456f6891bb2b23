"""The description of the interface for senders: one document, shown twice."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from calls.openapi import document
from calls.openapi_page import sections


@login_not_required
@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """Give the OpenAPI document."""
    return JsonResponse(document(), json_dumps_params={"ensure_ascii": False, "indent": 2})


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the document to people."""
    return render(request, "api/docs.html", sections(document()))
