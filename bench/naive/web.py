"""The naive peer's endpoint for one signed call: objects one by one, then a task a delivery."""

from __future__ import annotations

import json
import os

from celery import Celery
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

application = get_wsgi_application()

from bench.naive.work import store_one  # noqa: E402, models need the settings
from calls.ingest.signatures import sign  # noqa: E402

tasks = Celery("naive", broker=os.environ["REDIS_URL"])


@csrf_exempt
def ingest(request: HttpRequest) -> JsonResponse:
    """Check the signature, store the call, queue its tasks."""
    given = request.headers["webhook-signature"]
    moment, webhook_id = request.headers["webhook-timestamp"], request.headers["webhook-id"]
    if given != sign(os.environ["BENCH_SECRET"], webhook_id, moment, request.body):
        return JsonResponse({}, status=401)
    counters = [int(number) for number in os.environ["BENCH_COUNTERS"].split(",")]
    deliveries = store_one(json.loads(request.body), counters)
    for pk in deliveries:
        tasks.send_task("naive.send", [pk])
    return JsonResponse({"deliveries": deliveries}, status=202)


urlpatterns = [path("api/v1/calls", ingest)]
