"""Views of «Источники звонков»: a new source, its settings, its switch, its secrets.

The list itself is in `dashboard.source_list_page`: it shows counts of calls too.

A secret is shown only in the response to the form that created it, without a redirect, which
would have to carry the secret. The same form sent again is refused by `cabinets.sources`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Prefetch
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from cabinets import addresses, sources
from cabinets.access import CabinetRequest, manage_required, same_cabinet
from cabinets.forms import SourceForm
from cabinets.models import Cabinet, CallSource
from cabinets.refusals import refusal_text, rejection_text, warning_text
from cabinets.sealing import Secret
from cabinets.secret_page import docs_url, secret_context
from cabinets.sources import MAX_LIVE, TwoSecretsLive
from cabinets.time_zones import zone_label
from cabinets.undo import undo_of_switch

#: Kinds of sources that `add_source` creates without a signing secret.
ADDED_WITHOUT_SECRET = (CallSource.Kind.WEBHOOK, CallSource.Kind.FILE)
WARNING_SHOWN_FOR = timedelta(days=7)


@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def add_source(request: CabinetRequest) -> HttpResponse:
    """Show the form (GET), or create a source of the ``kind`` and show its secret (POST).

    A source of webhooks gets its secret address instead, which its own page shows.
    """
    form = SourceForm(request.POST or None, cabinet=request.cabinet)
    kind = _kind(request)
    if request.method == "POST" and form.is_valid():
        try:
            if kind is not None:
                return _add_source_of(request, kind, form)
            source, secret = sources.create_source(
                cabinet=request.cabinet, actor=request.user, **form.cleaned_data
            )
            return _secret_page(request, source, secret, is_new=True)
        except ValidationError as problem:
            form.add_error(None, problem)
    context = {"form": form, "kind": kind, "kind_text": str(kind.label) if kind else ""}
    return render(request, "cabinets/source_add.html", context)


def _kind(request: CabinetRequest) -> CallSource.Kind | None:
    """Return the kind of the source to add; None for one of signed requests."""
    asked = request.POST.get("kind", request.GET.get("kind", ""))
    return CallSource.Kind(asked) if asked in ADDED_WITHOUT_SECRET else None


def _add_source_of(
    request: CabinetRequest, kind: CallSource.Kind, form: SourceForm
) -> HttpResponse:
    with transaction.atomic():
        source = sources.create_source_of(
            kind, cabinet=request.cabinet, actor=request.user, **form.cleaned_data
        )
        if kind is CallSource.Kind.WEBHOOK:
            addresses.add_address(source=source, actor=request.user)
    messages.success(request, _("Источник «%(name)s» добавлен.") % {"name": source.name})
    return HttpResponseRedirect(reverse("calls:source", args=[source.pk]), status=303)


@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def change_source(request: CabinetRequest, pk: int) -> HttpResponse:
    """Show the source's name, time zone and country (GET), or change them (POST)."""
    source = _source(request, pk)
    now = {"name": source.name, "time_zone": source.time_zone, "region": source.region}
    form = SourceForm(request.POST or None, cabinet=request.cabinet, initial=now)
    if request.method == "POST" and form.is_valid():
        try:
            sources.change_source(source=source, actor=request.user, **form.cleaned_data)
            text = _("Источник «%(name)s» сохранён: так читаются звонки, которые придут дальше.")
            messages.success(request, text % {"name": form.cleaned_data["name"]})
            return _redirect_to_list()
        except ValidationError as problem:
            form.add_error(None, problem)
    return render(request, "cabinets/source_change.html", {"form": form, "source": source})


@require_POST
@manage_required
def switch_source(request: CabinetRequest, pk: int) -> HttpResponse:
    """Turn a source on or off from the list."""
    is_active = request.POST.get("enabled") == "1"
    source = _source(request, pk)
    sources.switch_source(source=source, is_active=is_active, actor=request.user)
    values = {"name": source.name}
    undo = undo_of_switch(source.pk, request.path, enabled=is_active)
    if is_active:
        text = _("Источник «%(name)s» включён.")
        messages.success(request, text % values, extra_tags=undo)
    else:
        text = _("Источник «%(name)s» выключен: на его запросы отвечаем отказом 401.")
        messages.warning(request, text % values, extra_tags=undo)
    return _redirect_to_list()


@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
def rotate_secret(request: CabinetRequest, pk: int) -> HttpResponse:
    """Explain the change of the secret (GET), or do it and show the new one (POST)."""
    source = _source(request, pk)
    if request.method == "GET":
        page = {"source": source, "has_room": source.signing_secrets.count() < MAX_LIVE}
        return render(request, "cabinets/source_rotate.html", page)
    try:
        secret = sources.rotate_secret(source=source, actor=request.user)
    except TwoSecretsLive:
        page = {"source": source, "has_room": False}
        return render(request, "cabinets/source_rotate.html", page, status=409)
    return _secret_page(request, source, secret, is_new=False)


@require_http_methods(["GET", "POST"])
@manage_required
def retire_secret(request: CabinetRequest, pk: int, secret_pk: int) -> HttpResponse:
    """Explain retiring a secret (GET), or do it (POST)."""
    source = _source(request, pk)
    if request.method == "GET":
        return render(request, "cabinets/source_retire.html", _retire_context(source, secret_pk))
    is_done = sources.retire_secret(source=source, secret_pk=secret_pk, actor=request.user)
    words = {"name": source.name}
    if is_done:
        messages.success(request, _("Секрет источника «%(name)s» отозван.") % words)
    else:
        text = _("Секрет источника «%(name)s» не отозван: его уже нет или он единственный.")
        messages.warning(request, text % words)
    return _redirect_to_list()


def _secret_page(
    request: CabinetRequest, source: CallSource, secret: Secret, *, is_new: bool
) -> HttpResponse:
    context = secret_context(source, secret) | {"is_new": is_new}
    return render(request, "cabinets/source_secret.html", context)


def rows_of(cabinet: Cabinet) -> list[dict[str, Any]]:
    """Return the rows of the list of the cabinet's sources, in two queries."""
    live = Prefetch("signing_secrets", queryset=sources.without_secrets())
    return [_row(one) for one in cabinet.call_sources.prefetch_related(live).order_by("pk")]


def _row(source: CallSource) -> dict[str, Any]:
    live = list(source.signing_secrets.all())
    return {
        "source": source,
        "zone": zone_label(source.time_zone),
        "refusal_text": refusal_text(source.last_refusal),
        "rejection_text": _rejection_text(source),
        "warning_text": _warning_text(source),
        "rejection_is_last": _is_rejection_last(source),
        "refusal_is_last": _is_refusal_last(source),
        "secrets": [
            {
                "created_at": secret.created_at,
                "is_newest": len(live) > 1 and secret == live[-1],
                "retire_url": reverse("cabinets:source-retire", args=[source.pk, secret.pk]),
            }
            for secret in live
        ],
        "has_two": len(live) == MAX_LIVE,
        "docs_url": docs_url(source),
    }


def _rejection_text(source: CallSource) -> str:
    """Return how many records of the last request with rejected ones, and why the last of them."""
    if source.last_rejected_at is None:
        return ""
    words = {
        "count": source.last_rejected_records,
        "reason": rejection_text(source.last_rejection),
    }
    if source.last_rejected_records == 1:
        return _("отклонено записей: 1 — %(reason)s") % words
    return _("отклонено записей: %(count)d, последняя — %(reason)s") % words


def _warning_text(source: CallSource) -> str:
    """Return the last warning, '' when it is older than a week."""
    warned = source.last_warned_at
    is_recent = warned is not None and timezone.now() - warned < WARNING_SHOWN_FOR
    return warning_text(source.last_warning) if is_recent else ""


def _is_rejection_last(source: CallSource) -> bool:
    """Return whether no request was accepted after the last one with rejected records."""
    accepted, rejected = source.last_used_at, source.last_rejected_at
    return rejected is not None and (accepted is None or accepted <= rejected)


def _is_refusal_last(source: CallSource) -> bool:
    """Return whether no request was accepted since the last refusal."""
    accepted, refused = source.last_used_at, source.last_refused_at
    return refused is not None and (accepted is None or accepted < refused)


def _retire_context(source: CallSource, secret_pk: int) -> dict[str, Any]:
    live = list(sources.without_secrets().filter(source=source))
    secret = next((one for one in live if one.pk == secret_pk), None)
    if secret is None or len(live) < MAX_LIVE:
        raise Http404
    return {"source": source, "secret": secret, "is_newest": secret == live[-1]}


def _source(request: CabinetRequest, pk: int) -> CallSource:
    return get_object_or_404(request.cabinet.call_sources, pk=pk)


def _redirect_to_list() -> HttpResponse:
    return HttpResponseRedirect(reverse("cabinets:sources"))
