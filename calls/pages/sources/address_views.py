"""Views of the secret addresses of a source of webhooks: a second one, and retiring one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from cabinets import addresses
from cabinets.access import CabinetRequest, manage_required
from cabinets.addresses import MAX_LIVE, TwoAddressesLive
from cabinets.models import CallSource


@require_http_methods(["GET", "POST"])
@manage_required
def rotate_address(request: CabinetRequest, pk: int) -> HttpResponse:
    """Explain the second address (GET), or add it (POST)."""
    source = _source(request, pk)
    page = {"source": source, "has_room": source.secret_addresses.count() < MAX_LIVE}
    if request.method == "GET":
        return render(request, "calls/sources/address_rotate.html", page)
    try:
        addresses.add_address(source=source, actor=request.user)
    except TwoAddressesLive:
        full = page | {"has_room": False}
        return render(request, "calls/sources/address_rotate.html", full, status=409)
    messages.success(request, _("Новый адрес готов. Старый действует, пока вы его не отзовёте."))
    return _to_source(source)


@require_http_methods(["GET", "POST"])
@manage_required
def retire_address(request: CabinetRequest, pk: int, address_pk: int) -> HttpResponse:
    """Explain retiring an address (GET), or do it (POST)."""
    source = _source(request, pk)
    if request.method == "GET":
        page = _retire_context(source, address_pk)
        return render(request, "calls/sources/address_retire.html", page)
    is_done = addresses.retire_address(source=source, address_pk=address_pk, actor=request.user)
    if is_done:
        messages.success(request, _("Адрес отозван: запросы на него больше не принимаются."))
    else:
        messages.warning(request, _("Адрес не отозван: его уже нет или он единственный."))
    return _to_source(source)


def _retire_context(source: CallSource, address_pk: int) -> dict[str, Any]:
    live = list(source.secret_addresses.defer("token").order_by("created_at", "pk"))
    address = next((one for one in live if one.pk == address_pk), None)
    if address is None or len(live) < MAX_LIVE:
        raise Http404
    return {"source": source, "address": address, "is_newest": address == live[-1]}


def _source(request: CabinetRequest, pk: int) -> CallSource:
    sources = request.cabinet.call_sources.filter(kind=CallSource.Kind.WEBHOOK)
    return get_object_or_404(sources, pk=pk)


def _to_source(source: CallSource) -> HttpResponse:
    return HttpResponseRedirect(reverse("calls:source", args=[source.pk]))
