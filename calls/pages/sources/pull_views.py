"""Views of sources whose calls are pulled: a new one, its key, its switch, a pull at once."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from cabinets.access import CabinetRequest, manage_required, same_cabinet
from cabinets.models import CallSource
from calls.models import PullSource
from calls.pages.sources.pull_form import KeyForm, PullForm
from calls.ways.pull import orders
from calls.ways.pull.key_check import Checked, check_key


@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def add_pull(request: CabinetRequest) -> HttpResponse:
    """Show the form (GET), check the key (POST with ``check``), or create the source (POST)."""
    if "check" in request.POST:
        form = PullForm(initial=request.POST.dict(), cabinet=request.cabinet)
        return _page(request, form, checked=_check(request))
    form = PullForm(request.POST or None, cabinet=request.cabinet)
    if request.method == "POST" and form.is_valid():
        checked = _check(request)
        source = _created(request, form, checked)
        if source is not None:
            text = _("Источник «%(name)s» добавлен: первые звонки придут в ближайшую минуту.")
            _report(request, text % {"name": source.name}, checked)
            return _to_source(source)
    return _page(request, form)


@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
def change_key(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the form (GET), check the key (POST with ``check``), or store another key (POST)."""
    pull = _pull(request, pk)
    if "check" in request.POST:
        return _page(request, KeyForm(), pull=pull, checked=_check(request))
    form = KeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        checked = _check(request)
        if checked.outcome != "wrong":
            key = form.cleaned_data["api_key"]
            orders.change_key(pull, api_key=key, actor=request.user, now=timezone.now())
            _report(request, _("Ключ сохранён."), checked)
            return _to_source(pull.source)
        form.add_error("api_key", checked.text)
    return _page(request, form, pull=pull)


@require_POST
@manage_required
def switch_pull(request: CabinetRequest, pk: int) -> HttpResponse:
    """Pause the source, or go on with it."""
    pull, is_active = _pull(request, pk), request.POST.get("enabled") == "1"
    is_done = orders.switch(pull, is_active=is_active, actor=request.user, now=timezone.now())
    if is_done and is_active:
        messages.success(request, _("Звонки снова забираются: ближайшие придут через минуту."))
    elif is_done:
        text = _("Звонки не забираются. Пропущенное заберём, когда вы продолжите.")
        messages.warning(request, text)
    return _to_source(pull.source)


@require_POST
@manage_required
def pull_now(request: CabinetRequest, pk: int) -> HttpResponse:
    """Make the source due at once."""
    pull = _pull(request, pk)
    if orders.pull_now(pull, actor=request.user, now=timezone.now()):
        messages.success(request, _("Звонки заберём в ближайшие секунды."))
    else:
        messages.warning(request, _("Сейчас забрать звонки нельзя: почему, сказано ниже."))
    return _to_source(pull.source)


def _created(request: CabinetRequest, form: PullForm, checked: Checked) -> CallSource | None:
    """Create the source; None with the reason on the form."""
    if checked.outcome == "wrong":
        form.add_error("api_key", checked.text)
        return None
    try:
        return orders.create_pull(
            cabinet=request.cabinet,
            actor=request.user,
            now=timezone.now(),
            **form.cleaned_data,
        )
    except ValidationError as problem:
        form.add_error(None, problem)
        return None


def _check(request: CabinetRequest) -> Checked:
    """Ask CallKeeper about the posted key."""
    try:
        key = KeyForm().fields["api_key"].clean(request.POST.get("api_key", ""))
    except ValidationError as problem:
        return Checked("wrong", problem.messages[0])
    return check_key(key, cabinet_id=request.cabinet.pk, now=timezone.now())


def _report(request: CabinetRequest, text: str, checked: Checked) -> None:
    """Report success; with a key that could not be checked, say that too."""
    if checked.outcome == "fits":
        messages.success(request, text)
    else:
        messages.warning(request, f"{text} {_('Ключ не проверен.')} {checked.text}")


def _page(
    request: CabinetRequest,
    form: forms.Form,
    *,
    pull: PullSource | None = None,
    checked: Checked | None = None,
) -> HttpResponse:
    context = {"form": form, "source": pull and pull.source, "checked": checked}
    name = "pull_key" if pull else "pull_add"
    return render(request, f"calls/sources/{name}.html", context)


def _pull(request: CabinetRequest, pk: int) -> PullSource:
    pulls = PullSource.objects.select_related("source")
    return get_object_or_404(pulls, source__cabinet=request.cabinet, pk=pk)


def _to_source(source: CallSource) -> HttpResponse:
    return HttpResponseRedirect(reverse("calls:source", args=[source.pk]))
