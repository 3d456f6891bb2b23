"""Views that add counters of an account, switch one, and check the access of an account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cabinets.access import CabinetRequest, manage_required
from counters import lifecycle
from counters.lifecycle import AddResult
from counters.models import Counter
from counters.pages.flash_messages import (
    CHECKED_LATELY,
    notify_access,
    notify_added,
    notify_checked,
    notify_running,
    notify_switched,
)
from counters.pages.query_values import number_or_none
from counters.pages.redirects import return_url
from counters.sync import available
from counters.sync.refresh import refresh_now
from counters.sync.stopped import check_now, is_checked_lately
from integrations.api_call import MetrikaUnavailable
from integrations.models import YandexAccount


@require_http_methods(["GET", "POST"])
@manage_required
def add_counters(request: CabinetRequest, account_pk: int) -> HttpResponse:
    """Show the counters the account sees in Metrika (GET), or add the chosen ones (POST)."""
    linked = request.cabinet.yandex_accounts.linked()
    account = get_object_or_404(linked, pk=account_pk)
    if request.method == "GET":
        return _add_page(request, account)
    numbers = [n for n in map(number_or_none, request.POST.getlist("numbers")) if n is not None]
    if not numbers:
        return _add_page(request, account, error=_("Выберите хотя бы один счетчик."))
    try:
        result = lifecycle.add_counters(
            cabinet=request.cabinet,
            account=account,
            numbers=numbers,
            actor=request.user,
            now=timezone.now(),
        )
    except MetrikaUnavailable as problem:
        return _add_page(request, account, error=str(problem), chosen=numbers)
    notify_added(request, result)
    return HttpResponseRedirect(_after_adding(account, result))


@require_POST
@manage_required
def switch_counter(request: CabinetRequest, pk: int) -> HttpResponse:
    """Turn a counter on or off from the list, at once."""
    enabled = request.POST.get("enabled") == "1"
    try:
        counter = lifecycle.switch_counter(
            counter=get_object_or_404(request.cabinet.counters.present(), pk=pk),
            enabled=enabled,
            actor=request.user,
            now=timezone.now(),
        )
    except Counter.DoesNotExist:
        raise Http404 from None
    notify_switched(request, counter, enabled=enabled)
    return HttpResponseRedirect(return_url(request, reverse("counters:list")))


@require_POST
@manage_required
def check_access(request: CabinetRequest, account_pk: int) -> HttpResponse:
    """Fetch from Metrika which of its counters the account may write to now."""
    linked = request.cabinet.yandex_accounts.linked()
    account = get_object_or_404(linked, pk=account_pk)
    back = HttpResponseRedirect(return_url(request, reverse("counters:list")))
    try:
        refresh_now(account.pk, now=timezone.now())
    except MetrikaUnavailable as problem:
        messages.error(request, str(problem))
        return back
    without = account.counters.present().without_access()
    notify_access(request, list(without.order_by("name").values_list("name", flat=True)))
    return back


@require_POST
@manage_required
def check_and_continue(request: CabinetRequest, pk: int) -> HttpResponse:
    """Check whether the cause of a stop is gone, and let the counter go on if it is."""
    present = request.cabinet.counters.present().select_related("account")
    counter = get_object_or_404(present, pk=pk)
    back = HttpResponseRedirect(return_url(request, reverse("counters:list")))
    if not counter.stopped_cause:
        notify_running(request, counter)
        return back
    if is_checked_lately(counter):
        messages.info(request, CHECKED_LATELY)
        return back
    try:
        result = check_now(counter, actor=request.user, now=timezone.now())
    except MetrikaUnavailable as problem:
        messages.error(request, str(problem))
        return back
    notify_checked(request, counter, result)
    return back


def _add_page(
    request: CabinetRequest,
    account: YandexAccount,
    *,
    error: str = "",
    chosen: Iterable[int] = (),
) -> HttpResponse:
    offers: list[available.AvailableCounter] = []
    try:
        offers = available.available_counters(account)
    except MetrikaUnavailable as problem:
        error = str(problem)
    kept = set(chosen)
    page = {
        "account": account,
        "offers": [replace(offer, chosen=offer.number in kept) for offer in offers],
        "error": error,
        "nothing_to_add": _nothing_to_add(offers),
    }
    return render(request, "counters/add_counters.html", page)


def _nothing_to_add(offers: list[available.AvailableCounter]) -> str:
    """Return why none of the offers can be chosen, and what to do; empty when one can."""
    if not offers or any(offer.can_be_added for offer in offers):
        return ""
    if all(offer.already_added for offer in offers):
        return _(
            "Все счетчики этого аккаунта уже добавлены. Чтобы появился ещё один, создайте его в "
            "Метрике или подключите другой аккаунт."
        )
    return _(
        "Добавить пока нечего: к остальным счетчикам у аккаунта есть только просмотр. Попросите "
        "владельца счетчика дать в Метрике право на редактирование и откройте эту страницу снова."
    )


def _after_adding(account: YandexAccount, result: AddResult) -> str:
    """Return the settings of a single added counter, else the list; the form if none was added."""
    if len(result.added) == 1:
        return reverse("counters:settings", args=[result.added[0].pk])
    if result.added:
        return reverse("counters:list")
    return reverse("counters:add", args=[account.pk])
