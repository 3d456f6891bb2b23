"""Pages of past calls that are sent by days: which, what would go, how far it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required
from calls.delivery import backfill
from calls.models import Backfill
from calls.pages.backfill_page import context_of, recent_of
from counters.models import Counter

#: A small cabinet is counted while the person waits for the page.
AT_ONCE_SECONDS = 1.0


class BackfillForm(forms.Form):
    """Which counters and how many days."""

    days = forms.IntegerField(
        label=gettext_lazy("За сколько последних дней"),
        min_value=1,
        max_value=backfill.MAX_DAYS,
        initial=7,
        error_messages={
            "required": gettext_lazy("Укажите число дней от 1 до 21."),
            "invalid": gettext_lazy("Укажите число дней от 1 до 21."),
            "min_value": gettext_lazy("Укажите число дней от 1 до 21."),
            "max_value": gettext_lazy("Метрика привязывает звонки не старше 21 дня."),
        },
    )
    everything = forms.BooleanField(label=gettext_lazy("Все счетчики"), required=False)
    counters = forms.ModelMultipleChoiceField(
        Counter.objects.none(),
        label=gettext_lazy("Счетчики"),
        required=False,
        error_messages={
            "invalid_choice": gettext_lazy("Одного из выбранных счетчиков больше нет."),
            "invalid_pk_value": gettext_lazy("Одного из выбранных счетчиков больше нет."),
        },
    )

    def __init__(self, *args: object, counters: Sequence[Counter], **options: object) -> None:
        """Offer these counters."""
        super().__init__(*args, **options)  # type: ignore[arg-type]
        self.listed = counters
        field = self.fields["counters"]
        assert isinstance(field, forms.ModelMultipleChoiceField)
        field.queryset = Counter.objects.filter(pk__in=[one.pk for one in counters])

    def clean(self) -> dict[str, Any]:
        """Choose every counter if the person said so."""
        values = super().clean() or self.cleaned_data
        if values.get("everything"):
            values["counters"] = self.listed
        elif "counters" in values and not values["counters"]:
            self.add_error("counters", _("Выберите хотя бы один счетчик."))
        return values

    @property
    def chosen(self) -> set[int]:
        """Numbers of the counters that are chosen at the moment."""
        values = self["counters"].value() or []
        return {int(one) for one in values if str(one).isascii() and str(one).isdecimal()}


@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
def new_backfill(request: CabinetRequest) -> HttpResponse:
    """Show the form and the last ones (GET), or have the calls counted (POST); nothing is sent."""
    counters = list(_offered(request))
    if request.method != "POST":
        initial = {"counters": request.GET.getlist("counter")}
        return _form(request, BackfillForm(counters=counters, initial=initial))
    form = BackfillForm(request.POST, counters=counters)
    if not form.is_valid():
        return _form(request, form, status=422)
    one, is_new = backfill.request(
        request.cabinet,
        list(form.cleaned_data["counters"]),
        days=form.cleaned_data["days"],
        actor=request.user,
        now=timezone.now(),
    )
    if is_new:
        backfill.run_one(one.pk, seconds=AT_ONCE_SECONDS)
    else:
        messages.warning(request, _("Уже идёт другая отправка прошлых звонков: вот она."))
    return _to_page(one)


@never_cache
@require_safe
@cabinet_required
def backfill_page(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show what was counted and how far it is."""
    return render(request, "calls/backfill.html", context_of(request, _backfill(request, pk)))


@require_POST
@manage_required
def start_backfill(request: CabinetRequest, pk: int) -> HttpResponse:
    """Send what was counted."""
    one = _backfill(request, pk)
    if backfill.start(one, actor=request.user, now=timezone.now()):
        backfill.run_one(one.pk, seconds=AT_ONCE_SECONDS)
    else:
        messages.warning(request, _("Ничего не изменилось: состояние уже другое."))
    return _to_page(one)


@require_POST
@manage_required
def stop_backfill(request: CabinetRequest, pk: int) -> HttpResponse:
    """End it where it is."""
    one = _backfill(request, pk)
    if not backfill.stop(one, actor=request.user, now=timezone.now()):
        messages.warning(request, _("Ничего не изменилось: состояние уже другое."))
    return _to_page(one)


def _form(request: CabinetRequest, form: BackfillForm, *, status: int = 200) -> HttpResponse:
    context = {"form": form, "recent": recent_of(request.cabinet), "most": backfill.MAX_DAYS}
    return render(request, "calls/backfill_new.html", context, status=status)


def _offered(request: CabinetRequest) -> Sequence[Counter]:
    """Return the counters that calls can be sent to: their settings were saved."""
    present = request.cabinet.counters.present().filter(configured_at__isnull=False)
    return list(present.order_by("name", "pk"))


def _backfill(request: HttpRequest, pk: int) -> Backfill:
    assert isinstance(request, HttpRequest)
    mine = Backfill.objects.select_related("requested_by", "cabinet")
    return get_object_or_404(mine, cabinet=request.cabinet, pk=pk)  # type: ignore[attr-defined]


def _to_page(one: Backfill) -> HttpResponse:
    return HttpResponseRedirect(reverse("calls:backfill", args=[one.pk]))
