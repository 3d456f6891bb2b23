"""The records of a request to a secret address: GET or POST; query, form or JSON. Pure.

The customer chooses the method, the names and the content type in the sender's cabinet, so the
body is recognised by its own first character, whatever its content type says.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.translation import gettext as _

from calls.ingest.body import MAX_LENGTH_DIGITS, read_body
from calls.ingest.content import items_of
from calls.ingest.errors import ApiError
from calls.ingest.parsing.file_format import WINDOWS

#: Names of one query or form: far more than any sender has.
MAX_FIELDS = 500
JSON_STARTS = (b"{", b"[")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Fields = dict[str, Any]


@dataclass(frozen=True)
class RequestData:
    """What a request carried: its records, before they are mapped."""

    method: str
    content_type: str
    items: list[Any]


def read_request(request: HttpRequest, body: bytes) -> RequestData:
    """Return the records of the request, none for an empty one. Raises ApiError: 400, 413.

    Fields of the query belong to every record of the body that does not have them itself.
    """
    given = str(request.headers.get("Content-Type", ""))[:100]
    query = _form_fields(request.META.get("QUERY_STRING", "").encode("latin-1", "replace"))
    items = _body_items(request, body)
    if not items:
        return RequestData(str(request.method), given, [query] if query else [])
    return RequestData(str(request.method), given, [_with_query(query, one) for one in items])


def _with_query(query: Fields, item: Any) -> Any:
    return query | item if query and isinstance(item, dict) else item


def _body_items(request: HttpRequest, body: bytes) -> list[Any]:
    text = body.removeprefix(BYTE_ORDER_MARK).strip()
    if not text:
        return []
    if text.startswith(JSON_STARTS):
        return items_of(_as_utf8(body))
    if request.content_type == "multipart/form-data":
        return [_multipart_fields(request, body)]
    if b"=" in text:
        return [_form_fields(text)]
    # Neither a form nor an object: what is wrong with it is said as of JSON.
    return items_of(body)


def _as_utf8(body: bytes) -> bytes:
    """Return the body in UTF-8, also one that came in windows-1251."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode(WINDOWS, "replace").encode()
    return body


def _form_fields(text: bytes) -> Fields:
    """Return the fields of a query or a form; a name that comes twice has a list of its values."""
    try:
        pairs = _pairs(text, "utf-8")
    except UnicodeDecodeError:
        pairs = _pairs(text, WINDOWS)
    fields: Fields = {}
    for name, value in pairs:
        known = fields.get(name)
        if known is None:
            fields[name] = value
        else:
            fields[name] = [*(known if isinstance(known, list) else [known]), value]
    return fields


def _pairs(text: bytes, encoding: str) -> list[tuple[str, str]]:
    errors = "strict" if encoding == "utf-8" else "replace"
    try:
        return parse_qsl(
            text.decode(encoding, errors),
            keep_blank_values=True,
            encoding=encoding,
            errors=errors,
            max_num_fields=MAX_FIELDS,
        )
    except UnicodeDecodeError:
        raise
    except ValueError:
        raise _too_many_fields() from None


def _multipart_fields(request: HttpRequest, body: bytes) -> Fields:
    """Return the fields of a multipart form; files in it are left out."""
    try:
        parser = MultiPartParser(request.META, BytesIO(body), [], "utf-8")
        posted, _files = parser.parse()
    except MultiPartParserError:
        raise ApiError(
            400, "malformed_form", _("Форма multipart/form-data не читается: проверьте boundary.")
        ) from None
    if len(posted) > MAX_FIELDS:
        raise _too_many_fields()
    return {
        name: values[0] if len(values) == 1 else list(values) for name, values in posted.lists()
    }


def _too_many_fields() -> ApiError:
    return ApiError(
        413,
        "body_too_complex",
        _("В запросе больше %(most)d полей: присылайте по звонку в запросе.")
        % {"most": MAX_FIELDS},
    )


def check_size(request: HttpRequest) -> None:
    """Raise ApiError, 413, for a body that says it is longer than WEBHOOK_MAX_BYTES."""
    length = str(request.META.get("CONTENT_LENGTH") or "0")
    if not (length.isascii() and length.isdigit()) or len(length) > MAX_LENGTH_DIGITS:
        raise _too_large()
    if int(length) > settings.WEBHOOK_MAX_BYTES:
        raise _too_large()


def read_limited(request: HttpRequest) -> bytes:
    """Return the bytes of the body, also of one in chunks. Raises ApiError: 400, 411, 413."""
    body = read_body(request)
    if len(body) > settings.WEBHOOK_MAX_BYTES:
        raise _too_large()
    return body


def _too_large() -> ApiError:
    return ApiError(
        413,
        "body_too_large",
        _("Тело запроса больше %(bytes)d байт: присылайте по звонку в запросе.")
        % {"bytes": settings.WEBHOOK_MAX_BYTES},
    )
