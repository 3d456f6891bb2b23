"""A person's decision about the calls that may have gone before the database was restored."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cabinets.access import CabinetRequest, manage_required
from calls.delivery.unknown_files import decide_files
from calls.queries.unknown_files import unknown_by_counter


@require_http_methods(["GET", "POST"])
@manage_required
def decide_unknown_files(request: HttpRequest, counter_pk: int) -> HttpResponse:
    """Tell what was found and what either decision means (GET), or decide (POST)."""
    person = cast(CabinetRequest, request)
    counter = get_object_or_404(person.cabinet.counters.present(), pk=counter_pk)
    history_url = reverse("calls:history", args=[counter.pk])
    if request.method == "GET":
        page = {
            "counter": counter,
            "unknown": unknown_by_counter([counter.pk]).get(counter.pk),
            "cancel_url": history_url,
        }
        return render(request, "calls/unknown_files.html", page)
    choice = request.POST.get("choice", "")
    calls = None
    if choice in ("send", "keep"):
        ids = [int(one) for one in request.POST.getlist("file") if _is_id(one)]
        calls = decide_files(
            counter, send=choice == "send", ids=ids, actor=person.user, now=timezone.now()
        )
    if calls is None:
        messages.warning(request, _("Ничего не изменилось: решение уже принято."))
    elif choice == "keep":
        text = _(
            "Звонков не отправим: %(count)d. Они считаются ушедшими в Метрику раньше, как и те за "
            "это же время, что придут позже."
        )
        messages.success(request, text % {"count": calls})
    else:
        messages.success(request, _sent_text(counter.enabled) % {"count": calls})
    return HttpResponseRedirect(history_url)


def _sent_text(is_enabled: bool) -> str:
    if is_enabled:
        return _("Звонки вернулись в очередь на отправку: %(count)d.")
    return _("Звонки уйдут после включения счетчика: %(count)d.")


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
