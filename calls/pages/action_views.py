"""Views of the buttons on the pages of a call and of an upload: send now, call off, repeat, …"""

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
from calls.delivery import hold, recovery, unlinked
from calls.delivery import resend as resending
from calls.models import Call, Delivery, Upload
from calls.pages.status_messages import released_message
from calls.queries.blockers import blocker_of


@require_POST
@manage_required
def release(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> HttpResponse:
    """Release a held delivery: it is sent with the next file."""
    delivery = _delivery(request, call_id, counter_pk, channel)
    now = timezone.now()
    moved = hold.release(delivery, actor=_actor(request), now=now)
    return _redirect(request, moved, released_message(delivery, now=now), _call_url(delivery))


@require_POST
@manage_required
def call_off(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> HttpResponse:
    """Call off a waiting delivery."""
    delivery = _delivery(request, call_id, counter_pk, channel)
    moved = hold.call_off(delivery, actor=_actor(request), now=timezone.now())
    return _redirect(request, moved, _("Звонок не будет отправлен."), _call_url(delivery))


@require_POST
@manage_required
def send_unlinked(
    request: HttpRequest, call_id: int, counter_pk: int, channel: int
) -> HttpResponse:
    """Send a call whose identifier is unreadable as one that is linked to no visit."""
    delivery = _delivery(request, call_id, counter_pk, channel)
    now = timezone.now()
    moved = unlinked.approve(delivery, actor=_actor(request), now=now)
    return _redirect(request, moved, released_message(delivery, now=now), _call_url(delivery))


@require_http_methods(["GET", "POST"])
@manage_required
def send_again(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> HttpResponse:
    """Ask for confirmation, naming the risk (GET), or send the call once more (POST)."""
    delivery = _delivery(request, call_id, counter_pk, channel)
    if request.method == "GET":
        return render(request, "calls/send_again.html", _confirmation_context(delivery))
    number = request.POST.get("number", "")
    try:
        resend = resending.order(
            delivery,
            number=int(number) if number.isascii() and number.isdigit() and len(number) < 5 else 0,
            actor=_actor(request),
            now=timezone.now(),
        )
    except resending.CannotResend as problem:
        messages.error(request, str(problem))
        return HttpResponseRedirect(_call_url(delivery))
    return _redirect(
        request, resend is not None, _("Повторная отправка заказана."), _call_url(delivery)
    )


@require_POST
@manage_required
def retry_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Retry an upload that Metrika certainly does not have."""
    upload = _upload(request, pk)
    moved = recovery.retry_uploads([pk], actor=_actor(request), now=timezone.now())
    blocker = blocker_of(upload.counter, now=timezone.now())
    done = " ".join(filter(None, [_("Выгрузка поставлена в очередь."), blocker]))
    return _redirect(request, moved, done, _upload_url(upload))


@require_POST
@manage_required
def gather_upload_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the rows of a refused upload to the queue, to be batched with current values."""
    upload = _upload(request, pk)
    moved = recovery.gather_again([pk], actor=_actor(request), now=timezone.now())
    return _redirect(request, moved, _("Звонки уйдут новой выгрузкой."), _upload_url(upload))


@require_POST
@manage_required
def look_up_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Schedule the lookup of an unclear upload for the next run."""
    upload = _upload(request, pk)
    moved = recovery.look_up_now([pk], actor=_actor(request))
    return _redirect(request, moved, _("Проверим в ближайшие секунды."), _upload_url(upload))


@require_POST
@manage_required
def poll_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Schedule the poll of a sent upload for the next run."""
    upload = _upload(request, pk)
    moved = recovery.poll_now([pk], actor=_actor(request), now=timezone.now())
    return _redirect(request, moved, _("Спросим Метрику в ближайшие секунды."), _upload_url(upload))


@require_http_methods(["GET", "POST"])
@manage_required
def call_off_upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask for confirmation (GET), or call off an upload that has not arrived (POST)."""
    upload = _upload(request, pk)
    if request.method == "GET":
        # Of a file in bisection the other rows went in its parts; a repeat has no delivery.
        calls = Delivery.objects.filter(upload=upload).count() or upload.rows
        context = {"upload": upload, "calls": calls, "cancel_url": _upload_url(upload)}
        return render(request, "calls/upload_call_off.html", context)
    moved = recovery.call_off_uploads([pk], actor=_actor(request), now=timezone.now())
    return _redirect(request, moved, _("Выгрузка отменена."), _upload_url(upload))


def _confirmation_context(delivery: Delivery) -> dict[str, object]:
    earlier = resending.resends_of(delivery)
    return {
        "delivery": delivery,
        "blocker": resending.resend_blocker(delivery, now=timezone.now()),
        "number": len(earlier) + 1,
        "earlier": earlier,
        "is_surely_not_there": resending.is_surely_not_there(delivery) and not earlier,
        "cancel_url": _call_url(delivery),
    }


def _delivery(request: HttpRequest, call_id: int, counter_pk: int, channel: int) -> Delivery:
    """Return the delivery, 404 outside the cabinet. The call's month selects one partition."""
    cabinet = cast(CabinetRequest, request).cabinet
    call = get_object_or_404(Call.objects.only("partition_at"), cabinet=cabinet, pk=call_id)
    counter = get_object_or_404(cabinet.counters, pk=counter_pk)
    delivery = (
        Delivery.objects.select_related(
            "call", "counter__goal", "counter__callback_goal", "upload", "cabinet"
        )
        .defer("call__raw")
        .filter(call_id=call.pk, partition_at=call.partition_at, counter=counter, channel=channel)
        .first()
    )
    if delivery is None:
        raise Http404
    return delivery


def _upload(request: HttpRequest, pk: int) -> Upload:
    uploads = cast(CabinetRequest, request).cabinet.uploads.select_related("counter__account")
    return get_object_or_404(uploads, pk=pk)


def _actor(request: HttpRequest) -> User:
    # `manage_required` lets no anonymous visitor through.
    return cast(User, request.user)


def _call_url(delivery: Delivery) -> str:
    return reverse("calls:journey", args=[delivery.call_id])


def _upload_url(upload: Upload) -> str:
    return reverse("calls:upload", args=[upload.pk])


def _redirect(request: HttpRequest, moved: int, done: str | Promise, url: str) -> HttpResponse:
    if moved:
        messages.success(request, str(done))
    else:
        messages.warning(request, _("Ничего не изменилось: состояние уже другое."))
    return HttpResponseRedirect(url)
