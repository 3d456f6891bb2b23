"""Sends, by a person's order, the calls from before a counter was connected."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cabinets.access import CabinetRequest, manage_required
from calls.delivery.earlier import EarlierCalls, send_earlier
from calls.queries.connection import earlier_of
from calls.queries.stats import decisions_awaited
from counters.models import Counter
from counters.pages.flash_messages import undecided_sentence


@require_http_methods(["GET", "POST"])
@manage_required
def send_earlier_calls(request: HttpRequest, counter_pk: int) -> HttpResponse:
    """Ask for confirmation, with the number of calls (GET), or order them to be sent (POST)."""
    person = cast(CabinetRequest, request)
    counter = get_object_or_404(person.cabinet.counters.present(), pk=counter_pk)
    settings_url = reverse("counters:settings", args=[counter_pk])
    if request.method == "GET":
        page = {
            "counter": counter,
            "earlier": earlier_of(counter, now=timezone.now()),
            "cancel_url": settings_url,
        }
        return render(request, "calls/send_earlier.html", page)
    try:
        result = send_earlier(counter=counter, actor=person.user, now=timezone.now())
    except Counter.DoesNotExist:
        raise Http404 from None
    _notify(request, counter, result)
    return HttpResponseRedirect(settings_url)


def _notify(request: HttpRequest, counter: Counter, result: EarlierCalls) -> None:
    if not result.count:
        messages.info(request, _("Звонков, которые начались раньше, уже нет."))
        return
    text = _("Из звонков, которые начались раньше (%(count)d), отправим: %(sent)d.")
    if not counter.enabled:
        text = _(
            "Из звонков, которые начались раньше (%(count)d), уйдут после включения счетчика: "
            "%(sent)d."
        )
    words = [text % {"count": result.count, "sent": result.sent}]
    now = timezone.now()
    undecided = min(decisions_awaited(counter, now=now), result.count - result.sent)
    rest = result.count - result.sent - undecided
    if rest:
        words.append(_("Не подходят под настройки: %(rest)d.") % {"rest": rest})
    if undecided:
        words.append(undecided_sentence(undecided))
    if result.more:
        words.append(_("Ещё более ранние звонки остались: отправьте их так же, ещё раз."))
    messages.success(request, " ".join(words))
