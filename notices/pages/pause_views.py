"""The form that pauses the alerts by baseline for some days, and the button that ends a pause."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cabinets.access import CabinetRequest, manage_required, same_cabinet
from notices import pauses
from notices.models import AlertPause
from notices.pages.pause_form import PauseForm


@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def add(request: CabinetRequest) -> HttpResponse:
    """Show the form (GET), or store the pause (POST)."""
    form = PauseForm(request.POST or None, cabinet=request.cabinet)
    if request.method == "POST" and form.is_valid():
        if pauses.add(form.pause(), actor=request.user, now=timezone.now()):
            messages.success(request, _("Сохранено: в эти дни не сравниваем звонки с обычными."))
            return _to_list()
        text = _("На эти дни пауза уже есть. Выберите другие дни или закончите её раньше.")
        form.add_error("first_day", text)
    return render(request, "notices/pause_add.html", {"form": form})


@require_POST
@manage_required
def end(request: CabinetRequest, pk: int) -> HttpResponse:
    """End a pause now, or cancel one that has not begun."""
    pause = get_object_or_404(AlertPause, cabinet=request.cabinet, pk=pk)
    now = timezone.now()
    has_begun = pauses.span_of(pause).begin <= now
    if pauses.end(pause, actor=request.user, now=now):
        text = _("Снова следим: сравниваем звонки со следующего часа.")
        messages.success(request, text if has_begun else _("Пауза отменена."))
    return _to_list()


def _to_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("notices:list"), status=303)
