"""Actions on many counters of the list at once: switching them, and settings from another one."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, manage_required, same_cabinet
from cabinets.plurals import plural
from cabinets.undo import Undo
from counters import lifecycle
from counters.models import Counter
from counters.pages.query_values import number_or_none
from counters.pages.status import OFF_SENTENCE
from dashboard.counter_selection import chosen_counters, selection_of

#: So many counters are changed by one press: each is a transaction of its own.
MAX_AT_ONCE = 500
#: Actions of the bar under the list.
ON, OFF, SETTINGS, BACKFILL = "on", "off", "settings", "backfill"
#: Key of an undo that redraws no row.
NO_ROW = 0


@dataclass(frozen=True)
class Switched:
    """Counters that were turned by one press, and how many were skipped, without settings yet."""

    changed: list[int]
    without_settings: int


@require_POST
@manage_required
@same_cabinet
def act_on_counters(request: CabinetRequest) -> HttpResponse:
    """Switch the chosen counters, or lead to their settings or their past calls."""
    chosen = _chosen(request)
    back = HttpResponseRedirect(_list_url(request.POST))
    if not chosen:
        messages.error(request, _("Отметьте счетчики, с которыми нужно что-то сделать."))
        return back
    if len(chosen) > MAX_AT_ONCE:
        text = _("За один раз можно изменить не больше %(most)d счетчиков. Сузьте поиск.")
        messages.error(request, text % {"most": MAX_AT_ONCE})
        return back
    action = request.POST.get("action", "")
    if action == SETTINGS:
        return _choose_origin(request, chosen)
    if action == BACKFILL:
        query = urlencode({"counter": [one.pk for one in chosen]}, doseq=True)
        return HttpResponseRedirect(f"{reverse('calls:backfill-new')}?{query}")
    if action in (ON, OFF):
        _switch_and_notify(request, chosen, enabled=action == ON)
    return back


@require_POST
@manage_required
@same_cabinet
def switch_back(request: CabinetRequest) -> HttpResponse:
    """Turn the counters of ``ids`` back: the button «Вернуть» of the message about a switch."""
    ids = [n for n in map(number_or_none, request.GET.get("ids", "").split(".")) if n is not None]
    present = request.cabinet.counters.present().with_details()
    chosen = list(present.filter(pk__in=ids[:MAX_AT_ONCE]).order_by("pk"))
    _switch_and_notify(request, chosen, enabled=request.POST.get("enabled") == "1")
    return HttpResponseRedirect(reverse("counters:list"))


def _chosen(request: CabinetRequest) -> list[Counter]:
    """Return the ticked counters; with ``all`` every counter that the list's filters find."""
    if request.POST.get("all"):
        selection = selection_of(request.POST)
        return chosen_counters(request.cabinet, selection, now=timezone.now())
    numbers = [number_or_none(text) for text in request.POST.getlist("numbers")]
    present = request.cabinet.counters.present().with_details()
    wanted = [number for number in numbers if number is not None]
    return list(present.filter(number__in=wanted).order_by("name", "number"))


def _switch_and_notify(request: CabinetRequest, counters: list[Counter], *, enabled: bool) -> None:
    result = _switch(request, counters, enabled=enabled)
    count = len(result.changed)
    if count:
        text = _switched_text(count, enabled=enabled) % {"count": count}
        undo = Undo(NO_ROW, "0" if enabled else "1", _undo_url(result.changed))
        rest = "" if enabled else f" {OFF_SENTENCE}"
        messages.success(request, f"{text}{rest}", extra_tags=undo.tag)
    elif not result.without_settings:
        done = _("Они уже включены.") if enabled else _("Они уже выключены.")
        messages.info(request, done)
    if result.without_settings:
        text = plural(
            result.without_settings,
            _("Пропущен %(count)d счетчик без настроек: сначала сохраните их."),
            _("Пропущены %(count)d счетчика без настроек: сначала сохраните их."),
            _("Пропущены %(count)d счетчиков без настроек: сначала сохраните их."),
        )
        messages.warning(request, text % {"count": result.without_settings})


def _switch(request: CabinetRequest, counters: list[Counter], *, enabled: bool) -> Switched:
    """Turn them one by one: of a process that dies, some are turned, and the press is repeated."""
    changed: list[int] = []
    without_settings = 0
    for counter in sorted(counters, key=lambda one: one.pk):
        if counter.configured_at is None:
            without_settings += 1
        elif counter.enabled != enabled and _turn(request, counter, enabled=enabled):
            changed.append(counter.pk)
    return Switched(changed, without_settings)


def _turn(request: CabinetRequest, counter: Counter, *, enabled: bool) -> bool:
    """Turn one counter; False when it was removed meanwhile."""
    try:
        lifecycle.switch_counter(
            counter=counter, enabled=enabled, actor=request.user, now=timezone.now()
        )
    except Counter.DoesNotExist:
        return False
    return True


def _switched_text(count: int, *, enabled: bool) -> str:
    if enabled:
        return plural(
            count,
            _("Включена отправка в %(count)d счетчик."),
            _("Включена отправка в %(count)d счетчика."),
            _("Включена отправка в %(count)d счетчиков."),
        )
    return plural(
        count,
        _("Выключена отправка в %(count)d счетчик."),
        _("Выключена отправка в %(count)d счетчика."),
        _("Выключена отправка в %(count)d счетчиков."),
    )


def _undo_url(ids: list[int]) -> str:
    return f"{reverse('counters:switch-back')}?ids={'.'.join(map(str, ids))}"


def _choose_origin(request: CabinetRequest, chosen: list[Counter]) -> HttpResponse:
    """Show the counters whose settings can be copied into the chosen ones."""
    numbers = {counter.number for counter in chosen}
    configured = request.cabinet.counters.present().exclude(configured_at=None)
    context = {
        "chosen": chosen,
        "origins": list(configured.order_by("name", "number")),
        "numbers": sorted(numbers),
        "back_url": _list_url(request.POST),
    }
    return render(request, "counters/bulk_settings.html", context)


def _list_url(values: QueryDict) -> str:
    """Return the list with the filters that the form was opened with."""
    query = urlencode(selection_of(values).values())
    return f"{reverse('counters:list')}?{query}" if query else reverse("counters:list")
