"""Views of counters that also show calls: the list, the settings window, removal."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from cabinets.people import name_of
from calls.queries.connection import calls_awaiting_settings, count_text
from calls.queries.expiry_warnings import expiry_warnings
from calls.queries.redecision import progress_of
from calls.queries.stats import MOST_COUNTED, excluded_by_settings
from counters import lifecycle
from counters.models import Counter
from counters.pages.flash_messages import (
    finished_sentence,
)
from counters.pages.query_values import number_or_none
from counters.pages.status import settings_warnings
from counters.settings.diff import settings_diff
from counters.settings.forms import CounterSettingsForm
from counters.settings.save import ChangedMeanwhile
from counters.sync import goals
from dashboard.consequences import of_removing
from dashboard.counter_list_page import list_context
from dashboard.counter_selection import selection_of
from dashboard.counter_settings_page import settings_info
from dashboard.first_save import NotAsked, save_and_count
from dashboard.saved_settings import notify_save
from dashboard.settings_preview import Panel, panel_of
from integrations.api_call import MetrikaUnavailable


@require_GET
@cabinet_required
def counter_list(request: CabinetRequest) -> HttpResponse:
    """Show the cabinet's counters and accounts."""
    context = list_context(
        request.cabinet,
        selection_of(request.GET),
        page=number_or_none(request.GET.get("page", "")) or 1,
        now=timezone.now(),
    )
    return render(request, "counters/counter_list.html", context)


@require_http_methods(["GET", "POST"])
@cabinet_required
def counter_settings(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the settings window, or save it."""
    if request.method == "POST":
        return _save(request, pk)
    counter = _counter(request, pk)
    error = _refresh_stale_goals(counter) if request.membership.can_manage else ""
    form = _form(counter)
    for name in ("goal", "callback_goal"):
        chosen = number_or_none(request.GET.get(name, ""))
        if chosen and form.offers_goal(chosen):
            form.initial[name] = chosen  # just created by a press of a button, and not saved yet
    return _settings_page(request, counter, form=form, goals_error=error)


@require_POST
@manage_required
def refresh_goals(request: CabinetRequest, pk: int) -> HttpResponse:
    """Fetch the counter's goals again, after one was created in Metrika.

    htmx takes only the list of goals out of the response, so that unsaved edits stay; the goal
    chosen in it is sent along and stays chosen.
    """
    counter = _counter(request, pk)
    try:
        goals.refresh_goals(counter, now=timezone.now())
        messages.success(request, _("Список целей обновлён."))
    except MetrikaUnavailable as problem:
        messages.error(request, str(problem))
    if not request.htmx:
        return HttpResponseRedirect(reverse("counters:settings", args=[pk]))
    form = _form(counter)
    chosen = {
        name: number_or_none(request.POST.get(name, "")) for name in ("goal", "callback_goal")
    }
    form.initial.update(chosen)
    if any(goal and not form.offers_goal(goal) for goal in chosen.values()):
        messages.warning(request, _("Выбранной цели в Метрике больше нет: выберите другую."))
    return _settings_page(request, counter, form=form)


@require_POST
@manage_required
def settings_preview(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show what would become of the last calls with the posted settings; nothing is stored.

    htmx takes the preview alone; without it the settings window is shown with the posted values.
    """
    counter = _counter(request, pk)
    preview = panel_of(request.POST, counter, now=timezone.now())
    if request.htmx:
        return render(request, "counters/_settings_preview_answer.html", {"preview": preview})
    form = _form(counter, request.POST)
    form.errors.pop("waiting_calls", None)  # asked only by saving
    return _settings_page(request, counter, form=form, preview=preview)


@require_http_methods(["GET", "POST"])
@manage_required
def delete_counter(request: CabinetRequest, pk: int) -> HttpResponse:
    """Explain what removing means (GET), or do it (POST)."""
    counter = _counter(request, pk)
    if request.method == "GET":
        page = {
            "counter": counter,
            "consequences": of_removing(counter),
            "cancel_url": reverse("counters:settings", args=[pk]),
        }
        return render(request, "counters/counter_delete.html", page)
    try:
        lifecycle.remove_counter(counter=counter, actor=request.user, now=timezone.now())
    except Counter.DoesNotExist:
        raise Http404 from None
    text = _("Счетчик «%(name)s» удалён из кабинета. История сохранена.")
    messages.success(request, text % {"name": counter.name})
    return HttpResponseRedirect(reverse("counters:list"))


@manage_required
def _save(request: CabinetRequest, pk: int) -> HttpResponse:
    counter = _counter(request, pk)
    form = _form(counter, request.POST)
    if not form.is_valid():
        return _settings_page(request, counter, form=form)
    try:
        saved = save_and_count(form, actor=request.user, now=timezone.now())
    except Counter.DoesNotExist:
        raise Http404 from None
    except ChangedMeanwhile as conflict:
        return _conflict_page(request, form, conflict.current)
    except NotAsked:
        return _settings_page(request, counter, form=_form(counter, request.POST))
    notify_save(request, saved)
    return HttpResponseRedirect(reverse("counters:settings", args=[pk]))


@require_safe
@cabinet_required
def redecision(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show how far the counter's calls are decided again; htmx puts it into the settings window."""
    counter = _counter(request, pk)
    progress = progress_of([counter.pk]).get(counter.pk)
    page = {
        "counter": counter,
        "progress": progress,
        "finished": ""
        if progress
        else finished_sentence(excluded_by_settings(counter), most=MOST_COUNTED),
    }
    return render(request, "counters/_redecision.html", page)


def _form(counter: Counter, data: Any = None) -> CounterSettingsForm:
    waiting = calls_awaiting_settings(counter, now=timezone.now())
    return CounterSettingsForm(
        data, counter=counter, waiting_calls=waiting, waiting_text=count_text(waiting)
    )


def _conflict_page(
    request: CabinetRequest, form: CounterSettingsForm, current: Counter
) -> HttpResponse:
    """Show the second editor who saved first and the differences; saving again overwrites."""
    data = request.POST.copy()
    data["version"] = str(current.version)
    conflict = {
        "who": _name_of(current.settings_saved_by),
        "when": current.settings_saved_at,
        "settings_diff": settings_diff(current, form.settings()),
    }
    counter = _counter(request, current.pk)
    kept = _form(counter, data)
    return _settings_page(request, counter, form=kept, conflict=conflict)


def _settings_page(
    request: CabinetRequest,
    counter: Counter,
    *,
    form: CounterSettingsForm | None = None,
    conflict: dict[str, Any] | None = None,
    goals_error: str = "",
    preview: Panel | None = None,
) -> HttpResponse:
    page = {
        "counter": counter,
        "form": form or _form(counter),
        "info": settings_info(counter, now=timezone.now()),
        "saved_at": counter.settings_saved_at if counter.configured_at else None,
        "conflict": conflict,
        "settings_warnings": [*settings_warnings(counter), *_expiry_warnings(counter)],
        "goals_error": goals_error,
        "progress": progress_of([counter.pk]).get(counter.pk),
        "preview": preview,
    }
    return render(request, "counters/counter_settings.html", page)


def _expiry_warnings(counter: Counter) -> list[str]:
    warnings = expiry_warnings(Q(pk=counter.pk), now=timezone.now())
    return [sentence for warning in warnings for sentence in warning.sentences]


def _refresh_stale_goals(counter: Counter) -> str:
    """Fetch goals that are not fresh; return the error message, empty on success."""
    try:
        goals.refresh_stale_goals(counter, now=timezone.now())
    except MetrikaUnavailable as problem:
        return str(problem)
    return ""


def _counter(request: CabinetRequest, pk: int) -> Counter:
    return get_object_or_404(request.cabinet.counters.present().with_details(), pk=pk)


def _name_of(person: User | None) -> str:
    if person is None:
        return _("Другой человек")
    return name_of(person, sees_all=True)
