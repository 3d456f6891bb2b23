"""Views of files that people upload: a new one, its page, what a person orders, its errors."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from cabinets.models import CallSource
from calls.masking import masked_text
from calls.models import FileImport
from calls.pages.sources.import_form import chosen_mapping, chosen_options
from calls.pages.sources.import_page import context_of, too_large_sentence
from calls.pages.sources.import_upload import (
    NoFile,
    UploadCutOff,
    forgery_refusal,
    take_file,
)
from calls.ways.imports import errors, orders
from calls.ways.imports.files import MAX_OPEN, FileTooLarge, TooManyImports

#: A spreadsheet executes a cell that begins with one of these as a formula (OWASP ASVS 1.2.10).
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")


@csrf_exempt  # it reads the token from the address: from the body it would come too late
@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
def new_import(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the form (GET), or take a file (POST)."""
    source = get_object_or_404(request.cabinet.call_sources, pk=pk)
    if request.method != "POST":
        return _form(request, source)
    return forgery_refusal(request) or _take(request, source)


def _take(request: CabinetRequest, source: CallSource) -> HttpResponse:
    if not source.is_active:
        text = _("Источник выключен. Включите его, потом загрузите файл.")
        return _form(request, source, text, status=409)
    try:
        return _to_import(take_file(request, source))
    except FileTooLarge:
        text = too_large_sentence(settings.IMPORT_MAX_BYTES)
        return _form(request, source, text, status=413)
    except TooManyImports:
        sentence = _("Не закончено уже файлов: %(count)d. Закончите или отмените один из них.")
        return _form(request, source, sentence % {"count": MAX_OPEN}, status=409)
    except NoFile:
        return _form(request, source, _("Выберите файл, и не пустой."))
    except UploadCutOff:
        text = _("Связь прервалась, файл не загружен. Попробуйте ещё раз.")
        return _form(request, source, text, status=400)


def _form(
    request: CabinetRequest, source: CallSource, problem: str = "", *, status: int = 200
) -> HttpResponse:
    limit = settings.IMPORT_MAX_BYTES
    context = {
        "source": source,
        "problem": problem,
        "limit": limit,
        "limit_mb": limit // (1024 * 1024),
        "too_large": too_large_sentence(limit),
    }
    return render(request, "calls/sources/import_new.html", context, status=status)


@never_cache
@require_safe
@cabinet_required
def import_page(request: CabinetRequest, pk: int, import_pk: int) -> HttpResponse:
    """Show how far the import is, and what can be done with it."""
    one = _import(request, pk, import_pk)
    return render(request, "calls/sources/import.html", context_of(request, one))


@require_POST
@manage_required
def check_import(request: CabinetRequest, pk: int, import_pk: int) -> HttpResponse:
    """Check the file again with the chosen columns and settings."""
    one = _import(request, pk, import_pk)
    mapping = chosen_mapping(request.POST, one)
    options = chosen_options(request.POST, one)
    if not orders.check(one, mapping=mapping, actor=request.user, **options):
        messages.warning(request, _("Этот файл проверить заново нельзя: загрузите его ещё раз."))
    return _to_import(one)


@require_POST
@manage_required
def start_import(request: CabinetRequest, pk: int, import_pk: int) -> HttpResponse:
    """Store the calls of the checked file, with or without sending them."""
    one = _import(request, pk, import_pk)
    is_sent = request.POST.get("send") == "1"
    if not orders.start(one, is_sent=is_sent, actor=request.user, now=timezone.now()):
        messages.warning(request, _("Сейчас сохранить звонки нельзя: почему, сказано ниже."))
    return _to_import(one)


@require_POST
@manage_required
def cancel_import(request: CabinetRequest, pk: int, import_pk: int) -> HttpResponse:
    """End the import where it is."""
    one = _import(request, pk, import_pk)
    if orders.cancel(one, actor=request.user, now=timezone.now()):
        messages.success(request, _("Загрузка отменена."))
    return _to_import(one)


@require_safe
@cabinet_required
def import_errors(request: CabinetRequest, pk: int, import_pk: int) -> HttpResponse:
    """Send the rows that were rejected as a CSV file."""
    one = _import(request, pk, import_pk)
    lines = _error_lines(one, is_whole=request.membership.can_manage)
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="errors-{one.pk}.csv"'
    return cast(HttpResponse, response)  # the decorators know no other kind


class _Echo:
    """A file that gives back what is written."""

    def write(self, text: str) -> str:
        return text


def _error_lines(one: FileImport, *, is_whole: bool) -> Iterator[str]:
    writer: Any = csv.writer(cast(Any, _Echo()), delimiter=";")
    header = (_("Строка"), _("Код причины"), _("Поле"), _("Причина"))
    yield "\ufeff" + writer.writerow(header)
    for error in errors.in_order(one):
        message = error.message if is_whole else masked_text(error.message)
        yield writer.writerow([error.row, *map(_plain, (error.code, error.field, message))])


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_SIGNS) else text


def _import(request: HttpRequest, pk: int, import_pk: int) -> FileImport:
    mine = FileImport.objects.select_related("source")
    cabinet = cast(CabinetRequest, request).cabinet
    return get_object_or_404(mine, source__cabinet=cabinet, source_id=pk, pk=import_pk)


def _to_import(one: FileImport) -> HttpResponse:
    return HttpResponseRedirect(reverse("calls:import", args=[one.source_id, one.pk]))
