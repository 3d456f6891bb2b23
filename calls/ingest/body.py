"""Reads the body of a request to the API: never more of it than INGEST_MAX_BYTES."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext as _

from calls.ingest.errors import ApiError

#: A Content-Length with more digits is refused without parsing it.
MAX_LENGTH_DIGITS = 18
CHUNK_BYTES = 64 * 1024


def check_body_headers(headers: Mapping[str, str]) -> None:
    """Raise ApiError for a body that would be refused whatever it is: 411, 413, 415."""
    _require_json(headers.get("Content-Type", ""))
    _require_no_compression(headers)
    length = headers.get("Content-Length", "")
    if not length and _is_chunked(headers):
        return
    if not (length.isascii() and length.isdigit()):
        raise _length_required()
    if len(length) > MAX_LENGTH_DIGITS or int(length) > settings.INGEST_MAX_BYTES:
        raise _too_large()


def read_body(request: HttpRequest) -> bytes:
    """Return the bytes of a JSON body, sent with Content-Length or in chunks (RFC 9112, 7.1).

    `check_body_headers` comes before. Raises ApiError: 400 when it was cut off, 411, 413.
    """
    if not request.headers.get("Content-Length") and _is_chunked(request.headers):
        if not request.META.get("wsgi.input_terminated"):
            raise _length_required()
        return _read_chunked(request.META["wsgi.input"])
    try:
        return request.body
    except UnreadablePostError:
        raise _cut_off() from None


def _is_chunked(headers: Mapping[str, str]) -> bool:
    return headers.get("Transfer-Encoding", "").strip().lower() == "chunked"


def _require_json(content_type: str) -> None:
    kind = parse_header_parameters(content_type)[0]
    if kind == "application/json":
        return
    given = _("В Content-Type пришло «%(type)s»") % {"type": kind[:100]}
    reason = given if kind else _("Нет заголовка Content-Type")
    raise ApiError(
        415,
        "unsupported_media_type",
        _("%(reason)s: нужен application/json.") % {"reason": reason},
        {"Accept-Post": "application/json"},
    )


def _require_no_compression(headers: Mapping[str, str]) -> None:
    """Refuse every coding but `identity`, which means none."""
    codings = (
        *headers.get("Content-Encoding", "").split(","),
        *headers.get("Transfer-Encoding", "").split(","),
    )
    other = [one.strip() for one in codings if one.strip().lower() not in _PLAIN]
    if other:
        raise ApiError(
            415,
            "unsupported_media_type",
            _("Тело пришло в кодировании «%(coding)s»: присылайте его без сжатия.")
            % {"coding": other[0][:100]},
            {"Accept-Encoding": "identity"},
        )


_PLAIN = {"", "identity", "chunked"}


def _read_chunked(stream: Any) -> bytes:
    """Return the whole body; stop reading at the first byte beyond the limit.

    ``stream`` is the server's, which decodes the chunks and ends after the last one.
    """
    body = bytearray()
    while len(body) <= settings.INGEST_MAX_BYTES:
        try:
            chunk = stream.read(min(CHUNK_BYTES, settings.INGEST_MAX_BYTES + 1 - len(body)))
        except Exception:  # each server has errors of its own for chunks that are malformed or cut
            raise _cut_off() from None
        if not chunk:
            return bytes(body)
        body += chunk
    raise _too_large()


def _length_required() -> ApiError:
    return ApiError(
        411,
        "length_required",
        _("Нужен заголовок Content-Length или Transfer-Encoding: chunked."),
    )


def _too_large() -> ApiError:
    return ApiError(
        413,
        "body_too_large",
        _("Тело запроса больше %(bytes)d байт: разделите звонки на несколько запросов.")
        % {"bytes": settings.INGEST_MAX_BYTES},
    )


def _cut_off() -> ApiError:
    return ApiError(400, "body_cut_off", _("Тело запроса пришло не целиком."))
