"""`/status` for people and `/status.json` for programs: public, and independent of the sign-in.

The middleware answers before a session is looked up: the page has to work when the database does
not. The views stand in the URLconf for what reverses their names.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.models import Preference
from accounts.preferences import LANGUAGE_COOKIE
from callkeeper_metrika import service_status
from callkeeper_metrika.service_status import DOWN, HALTED, LATE, OK, OUTAGE, ServiceStatus
from integrations.limits.outage_words import duration_of

PAGE, DATA = "/status", "/status.json"

#: The colour of a part's state, the state in a word, and what it means for the customer.
Words = tuple[str, str, str]


class StatusMiddleware:
    """Answers the two addresses itself, as `ShortPathMiddleware` does those of senders."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info not in (PAGE, DATA):
            return self.get_response(request)
        response = page(request) if request.path_info == PAGE else data(request)
        response.headers["X-Frame-Options"] = settings.X_FRAME_OPTIONS
        return response


@require_safe
@login_not_required
def data(_request: HttpRequest) -> HttpResponse:
    """Answer with JSON; 503 while the cabinet does not work."""
    status = service_status.current()
    return _uncached(JsonResponse(status.as_json(), status=_code(status)))


@require_safe
@login_not_required
def page(request: HttpRequest) -> HttpResponse:
    """Answer with a page in the reader's language, or with JSON if they prefer it."""
    if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
        return data(request)
    status = service_status.current()
    language = _language(request)
    with translation.override(language):
        html = render_to_string("status.html", _context(status))
    response = HttpResponse(html, status=_code(status))
    response.headers["Content-Language"] = language
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return _uncached(response)


def _code(status: ServiceStatus) -> int:
    return 503 if status.cabinet == DOWN else 200


def _uncached(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = "no-cache"
    return response


def _language(request: HttpRequest) -> str:
    """Return the last language chosen in this browser, else the one it asks for."""
    chosen = request.COOKIES.get(LANGUAGE_COOKIE, "")
    if chosen in Preference.Language.values:
        return chosen
    asked = translation.get_language_from_request(request).split("-")[0]
    return asked if asked in Preference.Language.values else Preference.Language.RUSSIAN.value


def _context(status: ServiceStatus) -> dict[str, object]:
    return {
        "status": status,
        "heading": _headings()[status.overall],
        "parts": [
            (_("Кабинет и приём звонков"), *_words_of_cabinet()[status.cabinet]),
            (_("Отправка в Метрику"), *_words_of_sending()[status.sending]),
            (_("Яндекс Метрика"), *_words_of_yandex()[status.yandex]),
        ],
        "incidents": [
            {
                "text": _words_of_incidents()[one.kind],
                "began_at": one.began_at,
                "ended_at": one.ended_at,
                "duration": duration_of((one.ended_at or timezone.now()) - one.began_at),
            }
            for one in status.incidents
        ],
    }


def _headings() -> dict[str, str]:
    return {
        OK: _("Всё работает"),
        DOWN: _("Кабинет сейчас не работает"),
        "disrupted": _("Есть перебои, звонки не теряются"),
    }


def _words_of_cabinet() -> dict[str, Words]:
    return {
        OK: ("success", _("Работает"), ""),
        DOWN: (
            "danger",
            _("Не работает"),
            _(
                "База данных не отвечает: страницы не открываются, звонки не принимаются. "
                "Источники повторят их позже; что уже принято, не потеряно."
            ),
        ),
    }


def _words_of_sending() -> dict[str, Words]:
    return {
        OK: ("success", _("Работает"), ""),
        HALTED: ("warning", _("Приостановлена"), _("Звонки принимаются и ждут.")),
        LATE: ("warning", _("Идёт с задержкой"), _("Звонки принимаются и уйдут сами.")),
        service_status.UNKNOWN: ("neutral", _("Неизвестно"), _("База данных не отвечает.")),
    }


def _words_of_yandex() -> dict[str, Words]:
    return {
        OK: ("success", _("Отвечает"), ""),
        OUTAGE: ("warning", _("Сбой"), _("Ничего не потеряно: звонки ждут и уйдут сами.")),
        service_status.UNKNOWN: ("neutral", _("Неизвестно"), _("База данных не отвечает.")),
    }


def _words_of_incidents() -> dict[str, str]:
    return {
        "no_answer": _("Метрика не отвечала"),
        "refusals": _("Метрика отказывала в доступе сразу многим аккаунтам"),
    }
