"""The view of `POST /api/v1/calls`: calls that are signed, stored or only checked."""

from __future__ import annotations

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from calls.ingest.views import ingest
from calls.ways.preview.answer import preview_results


@csrf_exempt
@login_not_required
def post_calls(request: HttpRequest) -> JsonResponse:
    """Return the response of `calls.ingest.views.ingest`."""
    return ingest(request, preview=preview_results)
