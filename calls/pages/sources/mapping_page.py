"""The page of a source's mapping: what came on the left, our fields on the right, a preview."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from cabinets.models import CallSource
from calls.mapping import PRESETS
from calls.pages.sources.mapping_form import (
    chosen_mapping,
    field_rows,
    missing_labels,
    shown_mapping,
)
from calls.pages.sources.mapping_preview import preview_of
from calls.pages.sources.received_requests import last_requests, samples_of, shown_value
from calls.ways.replay import replayable
from calls.ways.saved_mapping import (
    StaleMapping,
    save_mapping,
    saved_mapping,
)


@never_cache
@require_GET
@cabinet_required
def mapping_page(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the mapping, or a ready one to choose."""
    return _page(request, _source(request, pk), request.GET)


@never_cache
@require_POST
@manage_required
def preview_mapping(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show what the posted choice would give; nothing is saved."""
    return _page(request, _source(request, pk), request.POST)


@require_POST
@manage_required
def save_mapping_view(request: CabinetRequest, pk: int) -> HttpResponse:
    """Save the mapping that was chosen on the page."""
    source = _source(request, pk)
    mapping = chosen_mapping(request.POST)
    if missing := missing_labels(mapping):
        text = _("Соответствие не сохранено: выберите, откуда брать: %(fields)s.")
        messages.error(request, text % {"fields": ", ".join(missing)})
        return _to_page(source)
    try:
        save_mapping(
            source,
            fields=mapping.fields,
            preset=mapping.preset,
            version=_number(request.POST.get("version", "")),
            actor=request.user,
            now=timezone.now(),
        )
    except StaleMapping:
        text = _("Соответствие не сохранено: его уже изменил другой человек. Ниже — как сейчас.")
        messages.error(request, text)
        return _to_page(source)
    messages.success(request, _saved_text(replayable(source).count()))
    return _to_page(source)


def _page(request: CabinetRequest, source: CallSource, chosen: QueryDict) -> HttpResponse:
    sees_phones = request.membership.can_manage
    requests = last_requests(source, sees_phones=sees_phones)
    samples = samples_of(requests)
    stored = saved_mapping(source)
    mapping, guessed = shown_mapping(chosen, stored, samples)
    shown = {path: shown_value(one, sees_phones=sees_phones) for path, one in samples.items()}
    rows = field_rows(mapping, guessed, shown)
    rare = [row for row in rows if not row["is_main"]]
    context = {
        "source": source,
        "requests": requests,
        "version": stored.version if stored else 0,
        "main_rows": [row for row in rows if row["is_main"]],
        "rare_rows": rare,
        "has_rare": any(row["path"] for row in rare),
        "preset": PRESETS.get(mapping.preset),
        "presets": PRESETS.values(),
        "replayable": replayable(source).count(),
        "preview": preview_of(source, mapping, requests, sees_phones=sees_phones),
    }
    return render(request, "calls/sources/mapping.html", context)


def _saved_text(waiting: int) -> str:
    saved = _("Соответствие сохранено: так читаются записи, которые придут дальше.")
    if not waiting:
        return saved
    sentence = _("Отклонённых записей, которые можно прочитать ещё раз: %(count)d.")
    return f"{saved} {sentence % {'count': waiting}}"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else -1


def _source(request: CabinetRequest, pk: int) -> CallSource:
    return get_object_or_404(CallSource.objects.filter(cabinet=request.cabinet), pk=pk)


def _to_page(source: CallSource) -> HttpResponse:
    return HttpResponseRedirect(reverse("calls:source-mapping", args=[source.pk]))
