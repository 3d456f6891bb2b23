"""The OpenAPI document, as JSON and as a page."""

from __future__ import annotations

import re

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from calls.ingest.openapi.docs_page import sections
from calls.ingest.openapi.document import document

#: People paste the samples into a shell, so only a well-formed id from the address gets into them.
SOURCE_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@csrf_exempt  # a POST is answered as a wrong method, not as a forged form
@login_not_required
@require_safe
def openapi(request: HttpRequest) -> JsonResponse:
    """Return the OpenAPI document as JSON."""
    return JsonResponse(document(), json_dumps_params={"ensure_ascii": False, "indent": 2})


@csrf_exempt  # a POST is answered as a wrong method, not as a forged form
@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Show the document as a page; with ``?source=`` the samples have that public id."""
    requested = request.GET.get("source", "")
    source_id = requested if SOURCE_ID.fullmatch(requested) else ""
    return render(request, "api/docs.html", sections(document(), source_id=source_id))
