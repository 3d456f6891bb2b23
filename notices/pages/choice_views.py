"""The page on which a person chooses what they are told of this cabinet, and how.

Everybody chooses for themselves, viewers too: nothing of the cabinet changes.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.emails import confirmed_address, unconfirmed
from accounts.mail import is_mail_configured
from cabinets.access import CabinetRequest, cabinet_required, same_cabinet
from notices.choices import reachable_by, telegram_of
from notices.pages.choice_form import ChoiceForm


@require_http_methods(["GET", "POST"])
@cabinet_required
@same_cabinet
def choices(request: CabinetRequest) -> HttpResponse:
    """Show the choices of this person in this cabinet (GET), or save them (POST)."""
    form = ChoiceForm(
        request.POST or None,
        membership=request.membership,
        reachable=reachable_by(request.user),
    )
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Сохранено: так присылаем с этой минуты."))
        return HttpResponseRedirect(reverse("notices:choices"), status=303)
    return render(request, "notices/choices.html", page_context(request, form))


def page_context(request: CabinetRequest, form: ChoiceForm) -> dict[str, Any]:
    """Return the context of the page."""
    return {
        "form": form,
        "address": confirmed_address(request.user) if is_mail_configured() else "",
        "unconfirmed": unconfirmed(request.user),
        "has_mail": is_mail_configured(),
        "has_bot": bool(settings.TELEGRAM_BOT_TOKEN),
        "telegram": telegram_of(request.user),
    }
