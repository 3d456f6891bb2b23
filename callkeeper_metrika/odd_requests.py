"""Refuses, with 400, requests whose bytes no page can use: unknown encodings, NUL characters.

PostgreSQL has no NUL in its texts, and some of Python's codecs are no encodings of text: each would
end in an error of the server somewhere in a page.
"""

from __future__ import annotations

import codecs
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.template.loader import render_to_string
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext as _

from calls.ingest.errors import ApiError
from calls.ingest.middleware import is_api
from calls.ways.imports.request_head import is_file_upload

logger = logging.getLogger(__name__)

#: Encodings of forms and JSON that clients name; every byte sequence in them can be decoded or
#: replaced. UTF-7, UTF-16, IDNA, base64 and the like are none.
ENCODINGS = frozenset({"utf-8", "ascii", "iso8859-1", "iso8859-15", "cp1251", "cp1252", "koi8-r"})
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
#: The WSGI key of a Content-Type that Django cannot parse and that was left out.
UNREADABLE = "callkeeper.unreadable_content_type"
NUL, ESCAPED_NUL = "\x00", "%00"

WsgiApplication = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_readable_content_type(application: WsgiApplication) -> WsgiApplication:
    """Wrap the WSGI application: Django fails on some headers before any middleware runs."""

    def wrapped(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            parameters = parse_header_parameters(environ.get("CONTENT_TYPE", ""))[1]
            codecs.lookup(str(parameters.get("charset", "utf-8")))
        except LookupError:
            pass  # Django ignores it; the middleware refuses it
        except ValueError:
            environ = environ | {"CONTENT_TYPE": "", UNREADABLE: True}
        return application(environ, start_response)

    return wrapped


class OddRequestMiddleware:
    """Answers 400 in place of every view; goes before whatever reads cookies or a form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        code = _what_is_odd(request)
        return _refusal(request, code) if code else self.get_response(request)


def _what_is_odd(request: HttpRequest) -> str:
    """Return the code of the error, "" for a request that can be read."""
    if UNREADABLE in request.META or not _is_known(_charset(request)):
        return "unknown_charset"
    headers = (value for name, value in request.META.items() if name.startswith("HTTP_"))
    texts = (request.path, *headers, *request.COOKIES.values())
    has_nul = any(NUL in text for text in texts) or _is_escaped(request.META.get("QUERY_STRING"))
    return "nul_character" if has_nul or _form_has_nul(request) else ""


def _is_escaped(query: str | None) -> bool:
    return query is not None and (NUL in query or ESCAPED_NUL in query)


def _charset(request: HttpRequest) -> str:
    parameters: Mapping[str, str] | None = request.content_params
    return (parameters or {}).get("charset", "utf-8")


def _is_known(charset: str) -> bool:
    try:
        return codecs.lookup(charset.strip()).name in ENCODINGS
    except (LookupError, ValueError):
        return False


def _form_has_nul(request: HttpRequest) -> bool:
    """Whether a form has a NUL. Its body is in memory already, and Django reads it from there.

    A file may have any bytes, and is not read here.
    """
    if request.content_type not in FORMS or is_file_upload(request.path):
        return False
    try:
        body = request.body
    except (SuspiciousOperation, UnreadablePostError):
        return False  # too large or cut off: the page that reads it says so
    return NUL.encode() in body or (
        request.content_type == FORMS[0] and ESCAPED_NUL.encode() in body
    )


def _refusal(request: HttpRequest, code: str) -> HttpResponse:
    logger.warning("request refused: %s, %s %s", code, request.method, ascii(request.path[:200]))
    if not is_api(request.path):
        return HttpResponse(render_to_string("400.html"), status=400)
    sentences = {
        "unknown_charset": _("Такой charset в Content-Type не поддерживается: пришлите UTF-8."),
        "nul_character": _("В адресе или заголовках запроса — нулевой байт."),
    }
    return ApiError(400, code, sentences[code]).response()
