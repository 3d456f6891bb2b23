"""The page of a cabinet's webhook. Its secret is shown only in the response that creates it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from cabinets.access import CabinetRequest, manage_required, same_cabinet
from cabinets.sealing import Secret
from notices import endpoints
from notices.claims import Result
from notices.error_words import error_words
from notices.pages.webhook_form import WebhookForm
from notices.trial import TrialsBusy, try_out


@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def webhook(request: CabinetRequest) -> HttpResponse:
    """Show the webhook and its form (GET), or store the address (POST)."""
    form = WebhookForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        secret = endpoints.save_webhook(
            request.cabinet, form.cleaned_data["url"], actor=request.user, now=timezone.now()
        )
        if secret is not None:
            return _secret_page(request, secret)
        messages.success(
            request, _("Адрес сохранён, секрет прежний. Если вы его не сохранили, смените секрет.")
        )
        return _redirect()
    stored = endpoints.webhook_of(request.cabinet)
    context = {
        "form": form,
        "webhook": stored,
        "host": endpoints.host_of(stored) if stored else "",
        "mark": endpoints.mark_of(stored) if stored else "",
        "error": error_words(stored.last_error) if stored else "",
    }
    return render(request, "notices/webhook.html", context)


@never_cache
@require_POST
@manage_required
@same_cabinet
def rotate(request: CabinetRequest) -> HttpResponse:
    """Replace the secret and show the new one."""
    mark = request.POST.get("mark", "")
    secret = endpoints.rotate_secret(request.cabinet, mark, actor=request.user)
    if secret is not None:
        return _secret_page(request, secret)
    if endpoints.webhook_of(request.cabinet) is not None:
        text = _("Секрет уже сменили. Если новый не сохранён, смените его ещё раз.")
        messages.warning(request, text)
    return _redirect()


@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def remove(request: CabinetRequest) -> HttpResponse:
    """Ask (GET), or remove the webhook (POST)."""
    stored = endpoints.webhook_of(request.cabinet)
    if request.method == "GET" and stored is not None:
        context = {"host": endpoints.host_of(stored)}
        return render(request, "notices/webhook_remove.html", context)
    if request.method == "POST" and endpoints.remove_webhook(request.cabinet, actor=request.user):
        messages.success(request, _("Вебхук удалён: уведомления на него больше не уходят."))
    return _redirect()


@require_POST
@manage_required
@same_cabinet
def trial(request: CabinetRequest) -> HttpResponse:
    """Send a trial message and tell what became of it."""
    stored = endpoints.webhook_of(request.cabinet)
    if stored is None:
        return _redirect()
    try:
        outcome = try_out(stored, now=timezone.now())
    except TrialsBusy:
        text = _("Сейчас слишком много проб. Повторите через несколько минут.")
        messages.warning(request, text)
        return _redirect()
    if outcome.result is Result.SENT:
        messages.success(request, _("Пробное уведомление доставлено: адрес его принял."))
    else:
        text = _("Пробное уведомление не доставлено. %(why)s Исправьте и попробуйте ещё раз.")
        if outcome.result is Result.UNCLEAR:  # it may have arrived all the same
            text = _("Пробное уведомление не подтверждено. %(why)s Исправьте и попробуйте ещё раз.")
        messages.warning(request, text % {"why": error_words(outcome.error)})
    return _redirect()


def _secret_page(request: CabinetRequest, secret: Secret) -> HttpResponse:
    return render(request, "notices/webhook_secret.html", {"secret": secret})


def _redirect() -> HttpResponse:
    return HttpResponseRedirect(reverse("notices:webhook"), status=303)
