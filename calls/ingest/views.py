"""`POST /api/v1/calls`: the endpoint that takes calls in. The contract is at `/api/docs`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from cabinets.models import CallSource
from cabinets.refusals import stored_warning
from calls.ingest.authentication import Candidates, SecretsSealed, authenticate, candidates
from calls.ingest.body import check_body_headers, read_body
from calls.ingest.errors import ApiError, unrecorded
from calls.ingest.idempotency import ResponseBody
from calls.ingest.posted import Posted
from calls.ingest.previews import Asked, Preview, is_preview
from calls.ingest.request_head import named_source
from calls.ingest.signature_messages import sentence_of
from calls.ingest.signatures import Envelope, SignatureRefused, read_envelope
from calls.ingest.source_use import record_accepted, record_refused, record_rejected, record_warned
from calls.ingest.unavailable import database_unavailable

logger = logging.getLogger(__name__)

#: Until an operator gives back the key.
SECRET_RETRY_SECONDS = 60


def ingest(request: HttpRequest, *, preview: Preview) -> JsonResponse:
    """Answer 202 only after the calls and their deliveries are committed; 200 to a preview."""
    try:
        body = _accept(request, preview)
    except ApiError as error:
        if error.is_recorded:
            record_refused(_named_source(request), error.code, now=timezone.now())
        return error.response()
    except (OperationalError, InterfaceError, InternalError) as error:
        return database_unavailable(error).response()
    status = 200 if is_preview(body) else 202
    return JsonResponse(body, status=status, json_dumps_params={"ensure_ascii": False})


def _accept(request: HttpRequest, preview: Preview) -> ResponseBody:
    """Check the headers, then read the body, then authenticate; only then is the body parsed."""
    now = timezone.now()
    envelope, sources = _check_head(request, now)
    asked = Asked.in_query(request.GET)
    body = read_body(request)
    with _refusals(request, now):
        source = authenticate(sources=sources, envelope=envelope, body=body)
    posted = Posted(source, envelope.webhook_id, body, now)
    try:
        if asked.is_preview:
            with unrecorded():
                return posted.answer(asked, preview)
        answer = posted.replayed(sources) or posted.answer(asked, preview)
    except ApiError as error:
        if error.is_recorded:
            record_refused(source.public_id, error.code, now=now)
        raise
    if not is_preview(answer):
        _record_use(source, answer, now)
    return answer


def _record_use(source: CallSource, answer: ResponseBody, now: datetime) -> None:
    record_accepted(source, now=now)
    if not answer["duplicate"]:
        record_rejected(source, answer["results"], now=now)
        found = [one["warning"] for one in answer["results"] if "warning" in one]
        record_warned(
            source, [stored_warning(one["code"], one["values"]) for one in found], now=now
        )


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
