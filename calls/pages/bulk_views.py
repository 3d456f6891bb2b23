"""Views of bulk actions: the question with the count, how far one is, its end, its undoing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cabinets.access import CabinetRequest, cabinet_required, manage_required, same_cabinet
from calls.bulk import orders, run
from calls.bulk.actions import STEP
from calls.bulk.selection import Selection, select
from calls.models import BulkAction, BulkKind
from calls.pages.bulk_page import WORDS, action_context, action_url, question_context
from calls.pages.bulk_sending import Sending
from calls.pages.empty_history import url_of
from calls.pages.forms import HistoryFilterForm
from calls.pages.history_page import filter_form
from counters.models import Counter

#: Small actions are done in the request that orders them, for about so many seconds.
SECONDS_AT_ONCE = 1.0


@never_cache
@require_http_methods(["GET", "POST"])
@manage_required
@same_cabinet
def bulk(request: CabinetRequest, counter_pk: int, kind: str) -> HttpResponse:
    """Ask for confirmation with the count (GET), or order the action once (POST)."""
    counter = get_object_or_404(request.cabinet.counters.present(), pk=counter_pk)
    if kind not in WORDS:
        raise Http404
    data = request.POST if request.method == "POST" else request.GET
    form = filter_form(request, counter, {"q": ""} | data.dict())
    if not form.is_valid():
        messages.error(
            request, _("Условия отбора не подошли: проверьте их и выберите действие снова.")
        )
        return HttpResponseRedirect(url_of(counter, form.shown_values()))
    if request.method == "POST":
        return _order(request, counter, BulkKind(kind), form)
    now = timezone.now()
    selection = select(counter, form.filters(), now=now)
    counted = orders.count(BulkKind(kind), selection, now=now)
    sending = _sending(selection, now) if kind == BulkKind.SEND else None
    context = question_context(counter, BulkKind(kind), form, counted, sending)
    context["token"] = uuid4()
    return render(request, "calls/bulk/question.html", context)


def _sending(selection: Selection, now: datetime) -> Sending | None:
    counts = orders.preview_sending_of(selection, now=now)
    return Sending(orders.count_shown(selection), counts) if counts else None


def _order(
    request: CabinetRequest, counter: Counter, kind: BulkKind, form: HistoryFilterForm
) -> HttpResponse:
    now = timezone.now()
    selection = select(counter, form.filters(), now=now)
    action = orders.order(kind, selection, token=_token(request), actor=request.user, now=now)
    _begin(action)
    return HttpResponseRedirect(action_url(action))


def _token(request: CabinetRequest) -> UUID:
    """Return the token of the form; a new one for a form of another program."""
    try:
        return UUID(request.POST.get("token", ""))
    except ValueError:
        return uuid4()


def _begin(action: BulkAction) -> None:
    if action.total <= STEP:
        run.run_at_once(action, seconds=SECONDS_AT_ONCE)


@never_cache
@require_safe
@cabinet_required
def bulk_action(request: CabinetRequest, counter_pk: int, bulk_pk: int) -> HttpResponse:
    """Show how far an action is, and what can be done with it."""
    action = _action(request, counter_pk, bulk_pk)
    context = action_context(action, can_manage=request.membership.can_manage)
    return render(request, "calls/bulk/action.html", context)


@require_POST
@manage_required
def stop_bulk(request: CabinetRequest, counter_pk: int, bulk_pk: int) -> HttpResponse:
    """End an action where it is."""
    action = _action(request, counter_pk, bulk_pk)
    if not orders.stop(action, actor=request.user, now=timezone.now()):
        messages.warning(request, _("Действие уже закончено."))
    return HttpResponseRedirect(action_url(action))


@require_POST
@manage_required
def undo_bulk(request: CabinetRequest, counter_pk: int, bulk_pk: int) -> HttpResponse:
    """Order the opposite of an action, for the rows that it changed."""
    action = _action(request, counter_pk, bulk_pk)
    if action.counter.removed_at is not None:
        raise Http404
    opposite = orders.undo(action, actor=request.user, now=timezone.now())
    if opposite is None:
        messages.warning(request, _("Возвращать нечего: действие ничего не изменило или ещё идёт."))
        return HttpResponseRedirect(action_url(action))
    _begin(opposite)
    return HttpResponseRedirect(action_url(opposite))


def _action(request: CabinetRequest, counter_pk: int, bulk_pk: int) -> BulkAction:
    mine = BulkAction.objects.select_related("counter", "requested_by", "undoes")
    return get_object_or_404(mine, cabinet=request.cabinet, counter_id=counter_pk, pk=bulk_pk)
