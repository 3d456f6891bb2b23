"""Doors through which people of the cabinet put right what delivery left to them."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cabinets.access import CabinetRequest, manage_required
from calls.delivery import hold, recovery
from calls.delivery import resend as resending
from calls.models import Call, Delivery, Upload


@require_POST
@manage_required
def release(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> HttpResponse:
    """Send a held call with the next file."""
    delivery = _delivery(request, call_id, counter_pk, channel)
    moved = hold.release(delivery, actor=_person(request), now=timezone.now())
    return _told(request, moved, _("Звонок уйдёт со следующей выгрузкой."), _journey(delivery))


@require_POST
@manage_required
def call_off(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> HttpResponse:
    """Do not send a waiting call."""
    delivery = _delivery(request, call_id, counter_pk, channel)
    moved = hold.call_off(delivery, actor=_person(request), now=timezone.now())
    return _told(request, moved, _("Звонок не будет отправлен."), _journey(delivery))


@require_http_methods(["GET", "POST"])
@manage_required
def send_again(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> HttpResponse:
    """Name the risk (GET), or order one more send of the call (POST)."""
    delivery = _delivery(request, call_id, counter_pk, channel)
    if request.method == "GET":
        return render(request, "calls/send_again.html", _risk(delivery))
    number = request.POST.get("number", "")
    try:
        resend = resending.order(
            delivery,
            number=int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0,
            actor=_person(request),
            now=timezone.now(),
        )
    except resending.CannotResend as problem:
        messages.error(request, str(problem))
        return HttpResponseRedirect(_journey(delivery))
    return _told(
        request, resend is not None, _("Звонок отправляется повторно."), _journey(delivery)
    )


@require_POST
@manage_required
def retry_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Send again what Metrika certainly refused."""
    upload = _upload(request, pk)
    moved = recovery.retry_uploads([pk], actor=_person(request), now=timezone.now())
    return _told(request, moved, _("Выгрузка поставлена в очередь."), _page(upload))


@require_POST
@manage_required
def gather_upload_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the rows of a refused upload wait again, to be gathered with today's values."""
    upload = _upload(request, pk)
    moved = recovery.gather_again([pk], actor=_person(request), now=timezone.now())
    return _told(request, moved, _("Звонки уйдут новой выгрузкой."), _page(upload))


@require_POST
@manage_required
def look_up_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Look an unclear upload up at the next tick."""
    upload = _upload(request, pk)
    moved = recovery.look_up_now([pk], actor=_person(request))
    return _told(request, moved, _("Проверим в ближайшие секунды."), _page(upload))


@require_POST
@manage_required
def poll_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask Metrika about a sent upload at the next tick."""
    upload = _upload(request, pk)
    moved = recovery.poll_now([pk], actor=_person(request), now=timezone.now())
    return _told(request, moved, _("Спросим Метрику в ближайшие секунды."), _page(upload))


@require_http_methods(["GET", "POST"])
@manage_required
def call_off_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what is lost (GET), or call an upload off that has not arrived (POST)."""
    upload = _upload(request, pk)
    if request.method == "GET":
        context = {"upload": upload, "cancel_url": _page(upload)}
        return render(request, "calls/upload_call_off.html", context)
    moved = recovery.call_off_uploads([pk], actor=_person(request), now=timezone.now())
    return _told(request, moved, _("Выгрузка отменена."), _page(upload))


def _risk(delivery: Delivery) -> dict[str, object]:
    earlier = resending.resends_of(delivery)
    return {
        "delivery": delivery,
        "blocker": resending.resend_blocker(delivery, now=timezone.now()),
        "number": len(earlier) + 1,
        "earlier": earlier,
        "is_surely_not_there": resending.is_surely_not_there(delivery) and not earlier,
        "cancel_url": _journey(delivery),
    }


def _delivery(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> Delivery:
    """Fetch through the cabinet; the call's month names the one partition to look into."""
    cabinet = cast(CabinetRequest, request).cabinet
    call = get_object_or_404(Call.objects.only("partition_at"), cabinet=cabinet, pk=call_id)
    counter = get_object_or_404(cabinet.counters, pk=counter_pk)
    found = (
        Delivery.objects.select_related("call", "counter__goal", "upload", "cabinet")
        .defer("call__raw")
        .filter(call_id=call.pk, partition_at=call.partition_at, counter=counter, channel=channel)
        .first()
    )
    if found is None:
        raise Http404
    return found


def _upload(request: HttpRequest, pk: int) -> Upload:
    return get_object_or_404(cast(CabinetRequest, request).cabinet.uploads, pk=pk)


def _person(request: HttpRequest) -> User:
    # The doors are closed to anonymous visitors.
    return cast(User, request.user)


def _journey(delivery: Delivery) -> str:
    return reverse("calls:journey", args=[delivery.call_id])


def _page(upload: Upload) -> str:
    return reverse("calls:upload", args=[upload.pk])


def _told(request: HttpRequest, moved: int, done: str | Promise, url: str) -> HttpResponse:
    if moved:
        messages.success(request, str(done))
    else:
        messages.warning(request, _("Ничего не изменилось: состояние уже другое."))
    return HttpResponseRedirect(url)
