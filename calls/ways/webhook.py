"""The secret addresses of webhooks: `/api/v1/hooks/<token>`.

Whoever knows the address may send; nothing else is signed. A request that can be read is answered
with 200, also when its records are rejected: several senders switch a hook off after answers of
4xx or lose the call, and what was rejected is kept and can be read again after the mapping or a
setting was mended.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, InternalError, OperationalError, transaction
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from cabinets import addresses
from cabinets.models import CallSource
from cabinets.rate_limit import RateLimit, consume
from cabinets.refusals import stored_warning
from calls.ingest.errors import ApiError
from calls.ingest.idempotency import ResponseBody, response_body
from calls.ingest.source_use import (
    record_accepted,
    record_refused,
    record_rejected,
    record_warned,
)
from calls.ingest.store import Result, store_calls
from calls.ingest.unavailable import database_unavailable
from calls.models import Way
from calls.ways.reading import read_items
from calls.ways.received import keep_request, keep_unreadable
from calls.ways.request_data import RequestData, check_size, read_limited, read_request

METHODS = ("GET", "POST")
WINDOW_SECONDS = 60


@csrf_exempt
@login_not_required
def hook(request: HttpRequest, token: str) -> JsonResponse:
    """Answer 200 only after the calls, their decisions and the request itself are committed."""
    now = timezone.now()
    try:
        body = _accept(request, _source(request, token), now)
    except ApiError as error:
        return error.response()
    except (OperationalError, InterfaceError, InternalError) as error:
        return database_unavailable(error).response()
    return JsonResponse(body, json_dumps_params={"ensure_ascii": False})


def _source(request: HttpRequest, token: str) -> CallSource:
    """Return the source of the address. Raises ApiError, 404 whatever is wrong with it, or 405."""
    source = addresses.find_source(token)
    if source is None:
        raise ApiError(404, "unknown_address", _("Такого адреса нет: возьмите его в кабинете."))
    if request.method not in METHODS:
        raise ApiError(
            405,
            "method_not_allowed",
            _("Сюда присылают запросы GET или POST."),
            {"Allow": ", ".join(METHODS)},
        )
    return source


def _accept(request: HttpRequest, source: CallSource, now: datetime) -> ResponseBody:
    try:
        _refuse_too_many(source, now)
        check_size(request)
        body = read_limited(request) if request.method == "POST" else b""
        data = read_request(request, body)
    except ApiError as error:
        _record_unreadable(request, source, error, now)
        raise
    results = _store(source, data, now)
    answer = response_body(results) if results else {"results": [], "duplicate": False}
    _record_use(source, answer, now)
    return answer


def _refuse_too_many(source: CallSource, now: datetime) -> None:
    limit = RateLimit("webhooks", settings.WEBHOOKS_PER_MINUTE, WINDOW_SECONDS)
    if wait := consume(limit, source.pk, now=now.timestamp()):
        raise ApiError(
            429,
            "too_many_requests",
            _("Слишком много запросов за минуту."),
            {"Retry-After": wait},
        )


@transaction.atomic
def _store(source: CallSource, data: RequestData, now: datetime) -> list[Result]:
    records = read_items(source, data.items, now=now)
    results: list[Result] = []
    if records:
        results = store_calls(source=source, records=records, now=now, way=Way.WEBHOOK)
    keep_request(source, data, results, now=now)
    return results


def _record_unreadable(
    request: HttpRequest, source: CallSource, error: ApiError, now: datetime
) -> None:
    """Note the refusal on the source, and keep that the request came, but for one of a flood."""
    record_refused(source.public_id, error.code, now=now)
    if error.status != 429:
        keep_unreadable(
            source,
            method=str(request.method),
            content_type=str(request.headers.get("Content-Type", "")),
            code=error.code,
            message=error.message,
            now=now,
        )


def _record_use(source: CallSource, answer: dict[str, Any], now: datetime) -> None:
    record_accepted(source, now=now)
    record_rejected(source, answer["results"], now=now)
    found = [one["warning"] for one in answer["results"] if "warning" in one]
    record_warned(source, [stored_warning(one["code"], one["values"]) for one in found], now=now)
