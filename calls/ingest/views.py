"""`POST /api/v1/calls`: the endpoint that takes calls in. The contract is at `/api/docs`."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_not_required
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from cabinets.models import CallSource
from calls.ingest.authentication import Candidates, SecretsSealed, authenticate, candidates
from calls.ingest.body import check_body_headers, read_body
from calls.ingest.content import items_of
from calls.ingest.errors import ApiError
from calls.ingest.idempotency import (
    ResponseBody,
    WebhookIdReused,
    handle_request,
    rejected_results,
    replayed,
    stored_answer,
)
from calls.ingest.parsing.json_values import digest_bytes
from calls.ingest.parsing.record import BadRecord, CallRecord, read_records
from calls.ingest.rate_limit import Waits, take, take_calls
from calls.ingest.request_head import named_source
from calls.ingest.signature_messages import sentence_of
from calls.ingest.signatures import Envelope, SignatureRefused, read_envelope
from calls.ingest.source_lookup import StoredAnswer
from calls.ingest.source_use import record_accepted, record_refused, record_rejected, record_warned
from calls.ingest.store import store_calls
from calls.ingest.unavailable import database_unavailable
from calls.models import Way

logger = logging.getLogger(__name__)

#: Until an operator gives back the key.
SECRET_RETRY_SECONDS = 60
#: A body of no more bytes is parsed in about a millisecond, so before its bytes are counted: its
#: bytes and calls are counted in one round trip.
SMALL_BODY = 32 * 1024


@csrf_exempt
@login_not_required
def ingest(request: HttpRequest) -> JsonResponse:
    """Answer 202 only after the calls and their deliveries are committed."""
    try:
        body = _accept(request)
    except ApiError as error:
        record_refused(_named_source(request), error.code, now=timezone.now())
        return error.response()
    except (OperationalError, InterfaceError, InternalError) as error:
        return database_unavailable(error).response()
    return JsonResponse(body, status=202, json_dumps_params={"ensure_ascii": False})


def _accept(request: HttpRequest) -> ResponseBody:
    """Check the headers, then read the body, then authenticate; only then is the body parsed."""
    now = timezone.now()
    envelope, sources = _check_head(request, now)
    body = read_body(request)
    with _refusals(request, now):
        source = authenticate(sources=sources, envelope=envelope, body=body)
    try:
        stored = sources.stored
        if not sources.is_named:
            stored = stored_answer(source=source, webhook_id=envelope.webhook_id)
        answer = _answer(envelope, stored, source, body, now)
    except ApiError as error:
        record_refused(source.public_id, error.code, now=now)
        raise
    record_accepted(source, now=now)
    if not answer["duplicate"]:
        record_rejected(source, answer["results"], now=now)
        warnings = [one["warning"] for one in answer["results"] if "warning" in one]
        record_warned(source, [one["message"] for one in warnings], now=now)
    return answer


def _answer(
    envelope: Envelope, stored: StoredAnswer | None, source: CallSource, body: bytes, now: datetime
) -> ResponseBody:
    body_hash = digest_bytes(body)
    try:
        if stored is not None:
            _refuse_above(take(source.pk, size=len(body), now=now.timestamp()))
            return replayed(stored, body_hash=body_hash)
        return handle_request(
            source=source,
            webhook_id=envelope.webhook_id,
            body_hash=body_hash,
            records=_records(body, source, now),
            now=now,
        )
    except WebhookIdReused:
        raise ApiError(
            409, "webhook_id_reused", _("Этот webhook-id уже был у запроса с другим телом.")
        ) from None


def _check_head(request: HttpRequest, now: datetime) -> tuple[Envelope, Candidates]:
    """Return the webhook headers and the sources that may have signed. Reads no body."""
    if request.method != "POST":
        raise ApiError(
            405,
            "method_not_allowed",
            _("Метод %(method)s здесь не подходит: звонки принимает только POST.")
            % {"method": str(request.method)[:20]},
            {"Allow": "POST"},
        )
    check_body_headers(request.headers)
    with _refusals(request, now):
        envelope = read_envelope(request.headers, now=now.timestamp())
        return envelope, candidates(_named_source(request), envelope)


def _named_source(request: HttpRequest) -> str:
    """Return the public id of a source as the request gives it."""
    return named_source(request.headers, request.GET)


@contextmanager
def _refusals(request: HttpRequest, now: datetime) -> Iterator[None]:
    """Turn a refusal of the signature or of its source into an error of the API."""
    named = _named_source(request)
    try:
        yield
    except SignatureRefused as refusal:
        logger.warning("ingest refused: %s, source %r", refusal.code, named[:64])
        raise ApiError(
            401,
            refusal.code,
            sentence_of(refusal, source_id=named, now=now.timestamp()),
            {"WWW-Authenticate": 'Webhook-Signature realm="calls"'},
        ) from None
    except SecretsSealed:
        raise ApiError(
            503,
            "secret_unavailable",
            _("Секрет источника сейчас не открывается, мы об этом знаем: повторите запрос позже."),
            {"Retry-After": SECRET_RETRY_SECONDS},
        ) from None


def _items(body: bytes, source: CallSource, now: datetime) -> list[Any]:
    """Return the records of the body and count them and its bytes; one that is refused, its bytes.

    A large body is not parsed before its bytes are within the limit.
    """
    size, seconds = len(body), now.timestamp()
    if size > SMALL_BODY:
        _refuse_above(take(source.pk, size=size, now=seconds))
        items = items_of(body)
        _refuse_above(take_calls(source.pk, len(items), now=seconds))
        return items
    try:
        items = items_of(body)
    except ApiError:
        _refuse_above(take(source.pk, size=size, now=seconds))
        raise
    _refuse_above(take(source.pk, size=size, calls=len(items), now=seconds))
    return items


def _refuse_above(waits: Waits) -> None:
    if waits.bytes:
        raise ApiError(
            429,
            "too_many_bytes",
            _("Слишком много данных за минуту."),
            {"Retry-After": waits.bytes},
        )
    if waits.calls:
        raise ApiError(
            429,
            "too_many_requests",
            _("Слишком много звонков за минуту."),
            {"Retry-After": waits.calls},
        )


def _records(body: bytes, source: CallSource, now: datetime) -> Sequence[CallRecord | BadRecord]:
    items = _items(body, source, now)
    zone = ZoneInfo(source.time_zone) if source.time_zone else None
    records = read_records(
        items, source_id=source.public_id, zone=zone, now=now, region=source.region
    )
    bad = [record for record in records if isinstance(record, BadRecord)]
    if len(bad) == len(records):
        store_calls(source=source, records=records, now=now, way=Way.API)
        raise ApiError(
            422,
            "no_usable_call",
            _("Ни одной записи звонка принять нельзя."),
            extra={"results": rejected_results(bad)},
        )
    return records
