"""Linking a person's Telegram chat, and forgetting it. Everybody does it for themselves."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, cabinet_required
from notices import telegram


@never_cache
@require_POST
@cabinet_required
def link(request: CabinetRequest) -> HttpResponse:
    """Make a one-time code and show how to send it to the bot."""
    if not settings.TELEGRAM_BOT_TOKEN:
        return _redirect()
    code = telegram.new_code(request.user, now=timezone.now())
    context = {
        "command": f"/start {code}",
        "url": telegram.start_url(code),
        "bot": settings.TELEGRAM_BOT_NAME,
    }
    return render(request, "notices/telegram.html", context)


@require_POST
@cabinet_required
def unlink(request: CabinetRequest) -> HttpResponse:
    """Forget the chat."""
    if telegram.unlink(request.user):
        messages.success(request, _("Telegram отвязан: сообщения туда больше не приходят."))
    return _redirect()


def _redirect() -> HttpResponse:
    return HttpResponseRedirect(reverse("notices:choices"), status=303)
