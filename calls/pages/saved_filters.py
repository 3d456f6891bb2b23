"""Filters of the ledger that a person keeps under a name: saved, renamed, deleted."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cabinets.access import CabinetRequest, cabinet_required, same_cabinet
from calls.models import SavedFilter
from calls.pages.ledger_form import LedgerForm

#: Filters of a person in one cabinet.
MAX_SAVED = 30
MAX_NAME = 60


@require_POST
@cabinet_required
@same_cabinet
def change_filters(request: CabinetRequest) -> HttpResponse:
    """Save the filters of the address under `name`; with `pk` rename that one, or delete it."""
    if request.POST.get("pk"):
        return _change(request)
    form = LedgerForm(
        request.GET.dict(), cabinet=request.cabinet, sees_phones=request.membership.can_manage
    )
    name, parameters = _name_of(request), form.parameters() if form.is_valid() else {}
    if not parameters:
        messages.warning(request, _("Сохранять нечего: сначала выберите условия отбора."))
    elif not name:
        messages.warning(request, _("Назовите отбор, чтобы сохранить его."))
    elif _save(request, name, parameters):
        messages.success(request, _("Отбор «%(name)s» сохранён.") % {"name": name})
    else:
        text = _("Отборов уже %(count)d: удалите ненужный, чтобы сохранить новый.")
        messages.warning(request, text % {"count": MAX_SAVED})
    return _to_ledger(parameters or request.GET.dict())


def saved_filters(request: CabinetRequest) -> QuerySet[SavedFilter]:
    """Return the filters that the signed-in person keeps in this cabinet, by name."""
    own = SavedFilter.objects.filter(cabinet=request.cabinet, user=request.user)
    return own.order_by("name", "pk")


def filters_context(request: CabinetRequest, form: LedgerForm) -> dict[str, Any]:
    """Return the context of `calls/_saved_filters.html`; one query."""
    chosen = form.parameters()
    return {
        "saved": [
            {
                "pk": one.pk,
                "name": one.name,
                "url": f"{reverse('calls:list')}?{urlencode(one.parameters)}",
                "is_chosen": one.parameters == chosen,
            }
            for one in saved_filters(request)
        ],
        "can_save": bool(chosen) and form.is_valid(),
        "address": urlencode(chosen),
        "max_name": MAX_NAME,
    }


def _save(request: CabinetRequest, name: str, parameters: dict[str, str]) -> bool:
    """Keep the filters under the name, in place of those that have it; False of too many."""
    own = saved_filters(request)
    if own.filter(name=name).update(parameters=parameters):
        return True
    if own.count() >= MAX_SAVED:
        return False
    SavedFilter.objects.update_or_create(
        cabinet=request.cabinet,
        user=request.user,
        name=name,
        defaults={"parameters": parameters},
        create_defaults={"parameters": parameters, "created_at": timezone.now()},
    )
    return True


def _change(request: CabinetRequest) -> HttpResponse:
    pk = request.POST["pk"]
    number = int(pk) if pk.isdecimal() and len(pk) < 19 else 0
    one = get_object_or_404(saved_filters(request), pk=number)
    if "delete" in request.POST:
        one.delete()
        messages.success(request, _("Отбор «%(name)s» удалён.") % {"name": one.name})
        return _to_ledger(request.GET.dict())
    name = _name_of(request)
    if not name:
        messages.warning(request, _("Название не может быть пустым."))
    elif _rename(one, name):
        messages.success(request, _("Отбор переименован: «%(name)s».") % {"name": name})
    else:
        text = _("Отбор «%(name)s» уже есть: выберите другое название.")
        messages.warning(request, text % {"name": name})
    return _to_ledger(request.GET.dict())


def _rename(one: SavedFilter, name: str) -> bool:
    """Return False when another filter has the name."""
    one.name = name
    try:
        with transaction.atomic():
            one.save(update_fields=["name"])
    except IntegrityError:
        return False
    return True


def _name_of(request: CabinetRequest) -> str:
    return " ".join(request.POST.get("name", "").replace("\0", "").split())[:MAX_NAME]


def _to_ledger(parameters: dict[str, str]) -> HttpResponse:
    address = urlencode(parameters)
    return HttpResponseRedirect(reverse("calls:list") + (f"?{address}" if address else ""))
