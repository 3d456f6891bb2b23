"""The page «Проверка подключения» and the button that checks anew."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required, same_cabinet
from counters.pages.query_values import number_or_none
from doctor.page import doctor_context
from doctor.run import order_examination


@require_safe
@cabinet_required
def doctor(request: CabinetRequest) -> HttpResponse:
    """Show what is right and what is not, of the cabinet or of the counter ``?counter=``."""
    context = doctor_context(
        request.cabinet,
        counter=number_or_none(request.GET.get("counter", "")),
        now=timezone.now(),
    )
    return render(request, "doctor/doctor.html", context)


@require_POST
@manage_required
@same_cabinet
def examine(request: CabinetRequest) -> HttpResponse:
    """Order a check; the page shows its progress."""
    if not order_examination(request.cabinet, actor=request.user, now=timezone.now()):
        messages.info(request, _("Проверка уже идёт."))
    counter = number_or_none(request.POST.get("counter", ""))
    query = f"?counter={counter}" if counter else ""
    return HttpResponseRedirect(f"{reverse('doctor:doctor')}{query}", status=303)
