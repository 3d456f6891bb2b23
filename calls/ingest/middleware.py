"""Every error under `/api/` is JSON with a code and a message, whatever raised it."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve, reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from calls.ingest.errors import ApiError

API_PREFIX = "/api/"
JSON = "application/json"
PROBLEM = "application/problem+json"
MAX_QUOTED = 200
#: Headers that describe the body that is replaced, or lead elsewhere.
OF_THE_BODY = {
    "content-type",
    "content-length",
    "content-language",
    "content-encoding",
    "content-disposition",
    "content-range",
    "accept-ranges",
    "etag",
    "last-modified",
    "location",
}


class JsonErrorsMiddleware:
    """Replaces error pages by the errors of the API. Goes before everything else.

    Errors of the other middleware (host, CSRF), of the URL resolver (404), of decorators (405) and
    unexpected exceptions (500) reach it as responses.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not is_api(request.path):
            return response
        if not response.headers.get("Content-Type", "").startswith(JSON):
            error = _error(request, response.status_code)
            response = _replaced(response, error) if error else response
        if response.status_code >= 400:
            _negotiate(request, response)
        return response


def _negotiate(request: HttpRequest, response: HttpResponse) -> None:
    """Name the type of a problem document to clients that ask for it; others get JSON."""
    patch_vary_headers(response, ["Accept"])
    if PROBLEM in request.headers.get("Accept", "").lower():
        response.headers["Content-Type"] = PROBLEM


def is_api(path: str) -> bool:
    """Return whether programs use this path."""
    return path.startswith(API_PREFIX) or path == API_PREFIX.rstrip("/")


def _error(request: HttpRequest, status: int) -> ApiError | None:
    """Return the error of a response with this status; None for a page and for a redirect of one.

    A redirect of a POST is an error: clients repeat it as a GET without the body.
    """
    if status < 400:
        is_page = status < 300 or request.method in ("GET", "HEAD")
        return None if is_page else _https_required()
    if status == 404:
        return _not_found(request.path)
    if status == 400 and not _has_known_host(request):
        return _unknown_host(request)
    code, sentence = {
        403: ("forbidden", _("Запрос отклонён: здесь нужен вход, а у формы — её защитный токен.")),
        405: ("method_not_allowed", _("Этот метод здесь не подходит: см. заголовок Allow.")),
        413: ("body_too_large", _("Тело запроса слишком велико.")),
    }.get(status, ("bad_request", _("Запрос не прочитан: проверьте адрес и заголовки.")))
    if status >= 500:
        code = "internal_error"
        sentence = _("Ошибка на нашей стороне, мы её записали. Повторите запрос.")
    return ApiError(status, code, sentence)


def _replaced(response: HttpResponse, error: ApiError) -> HttpResponse:
    answer = error.response()
    for name, value in response.headers.items():
        if name.lower() not in OF_THE_BODY:
            answer.headers.setdefault(name, value)
    return answer


def _not_found(path: str) -> ApiError:
    shorter = path.rstrip("/")
    if shorter != path and _exists(shorter):
        return ApiError(
            404,
            "trailing_slash",
            _("Адрес без косой черты в конце: %(url)s") % {"url": settings.PUBLIC_URL + shorter},
        )
    return ApiError(
        404,
        "not_found",
        _("Адреса %(path)s нет. Звонки принимает POST %(calls)s, описание: %(docs)s")
        % {
            "path": path[:MAX_QUOTED],
            "calls": settings.PUBLIC_URL + reverse("calls:ingest"),
            "docs": settings.PUBLIC_URL + reverse("calls:api-docs"),
        },
    )


def _exists(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def _has_known_host(request: HttpRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True


def _unknown_host(request: HttpRequest) -> ApiError:
    host = str(request.META.get("HTTP_HOST", ""))[:MAX_QUOTED]
    return ApiError(
        400,
        "unknown_host",
        _("Хост «%(host)s» не обслуживается: адрес API — %(url)s")
        % {"host": host, "url": settings.PUBLIC_URL + reverse("calls:ingest")},
    )


def _https_required() -> ApiError:
    return ApiError(
        403,
        "https_required",
        _("Присылайте по https: %(url)s") % {"url": settings.PUBLIC_URL + reverse("calls:ingest")},
    )
