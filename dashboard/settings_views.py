"""Views of settings as things: copied to other counters, their history, templates."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from calls.queries.redecision import progress_of
from calls.queries.stats import excluded_by_settings
from counters.models import Counter
from counters.pages.flash_messages import notify_restored
from counters.pages.query_values import number_or_none
from counters.settings.copying import Proposal, origin_of
from counters.settings.history import events_of, history_of, undo_of
from counters.settings.save import RESTORED, ChangedMeanwhile, save_settings
from dashboard.settings_copy_page import CopyPage, respond


@require_http_methods(["GET", "POST"])
@manage_required
def copy_settings(request: CabinetRequest, pk: int) -> HttpResponse:
    """Copy the counter's settings to others of the cabinet, the differences first."""
    counter = _counter(request, pk)
    others = request.cabinet.counters.present().with_details().exclude(pk=pk)
    page = CopyPage(
        origin=origin_of(counter),
        title=_("Копировать настройки «%(name)s»") % {"name": counter.name},
        back_url=reverse("counters:settings", args=[pk]),
        back_name=counter.name,
        targets=list(others.order_by("name", "number")),
    )
    return respond(request, page)


@require_safe
@cabinet_required
def settings_history(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show who changed the counter's settings, when, and what."""
    counter = _counter(request, pk)
    before = number_or_none(request.GET.get("before", ""))
    entries, more = history_of(counter, before=before, sees_all=request.membership.can_manage)
    page = {"counter": counter, "entries": entries, "more": more, "is_first_page": before is None}
    return render(request, "counters/settings_history.html", page)


@require_http_methods(["GET", "POST"])
@manage_required
def restore_settings(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show what undoing a change of the settings would save (GET), or save it (POST).

    The change is the event ``event`` of the query.
    """
    counter = _counter(request, pk)
    event = events_of(counter).filter(pk=number_or_none(request.GET.get("event", "")) or 0).first()
    if event is None:
        messages.warning(request, _("Такого изменения в истории этого счетчика нет."))
        return HttpResponseRedirect(reverse("counters:settings-history", args=[pk]))
    if counter.configured_at is None:
        # The first save asks what to do with the calls that wait for it; this page does not.
        text = _("Сначала откройте настройки счетчика и сохраните их: пока он не настроен.")
        messages.warning(request, text)
        return HttpResponseRedirect(reverse("counters:settings-history", args=[pk]))
    wanted = undo_of(counter, event)
    if request.method == "POST" and wanted.can_be_saved:
        return _restore(request, wanted)
    page = {"counter": counter, "event": event, "wanted": wanted}
    return render(request, "counters/settings_restore.html", page)


def _restore(request: CabinetRequest, wanted: Proposal) -> HttpResponse:
    counter = wanted.counter
    back = HttpResponseRedirect(reverse("counters:settings-history", args=[counter.pk]))
    try:
        saved = save_settings(
            counter=counter,
            version=number_or_none(request.POST.get("version", "")) or 0,
            values=wanted.values,
            actor=request.user,
            now=timezone.now(),
            action=RESTORED,
        )
    except Counter.DoesNotExist:
        raise Http404 from None
    except ChangedMeanwhile:
        text = _("Настройки изменились, пока вы смотрели: ничего не возвращено. Посмотрите снова.")
        messages.warning(request, text)
        return back
    is_pending = saved.pk in progress_of([saved.pk])
    notify_restored(request, excluded=0 if is_pending else excluded_by_settings(saved))
    return back


def _counter(request: CabinetRequest, pk: int) -> Counter:
    return get_object_or_404(request.cabinet.counters.present().with_details(), pk=pk)
