"""The buttons of the pages of a call and of an upload: the actions that its state allows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from calls.decision.ordered import NAMED
from calls.delivery.hold import may_call_off, may_release
from calls.delivery.moves import CANCEL, GATHER_AGAIN, RETRY
from calls.delivery.resend import resend_blocker
from calls.delivery.send_orders import may_order
from calls.delivery.unlinked import may_approve
from calls.models import Delivery, Upload
from calls.states import UploadState
from counters import sendable
from counters.models import Counter


@dataclass(frozen=True)
class Button:
    """A button. With ``post`` it acts at once, else it links to a page that asks to confirm."""

    url: str
    label: str | Promise
    tone: str = "quiet"
    post: bool = True


def buttons_of(delivery: Delivery, *, now: datetime, refused: Collection[str] = ()) -> list[Button]:
    """Return the actions on a delivery. Load it with its call, upload and counter's goals.

    «Отправить сейчас» is left out while nothing can be sent to the counter: it would do nothing.
    So is the order to send when a rule of ``refused``, those that refuse the call today, holds for
    orders too.
    """
    args = [delivery.call_id, delivery.counter_id, delivery.channel]
    buttons = []
    if may_release(delivery, now=now) and _is_sendable(delivery.counter):
        buttons.append(Button(reverse("calls:release", args=args), _("Отправить сейчас")))
    if may_approve(delivery, now=now):
        url = reverse("calls:send-unlinked", args=args)
        buttons.append(Button(url, _("Отправить как непривязанный")))
    if may_order(delivery, now=now) and set(refused) <= set(NAMED.without):
        buttons.append(send_button(delivery.call_id, delivery.counter_id))
    if may_call_off(delivery):
        buttons.append(Button(reverse("calls:call-off", args=args), _("Не отправлять"), "danger"))
    if not resend_blocker(delivery, now=now):
        url = reverse("calls:send-again", args=args)
        buttons.append(Button(url, _("Отправить повторно…"), post=False))
    return buttons


def send_button(call_id: int, counter_id: int) -> Button:
    """Return the way to the order that sends the call although the settings exclude it."""
    url = reverse("calls:send", args=[call_id, counter_id])
    return Button(url, _("Отправить в этот счетчик…"), post=False)


def buttons_of_upload(upload: Upload) -> list[Button]:
    """Return the actions on an upload. Load it with its counter and account."""
    buttons = []
    is_later = upload.state == UploadState.LATER
    if RETRY.allows(upload) and (not is_later or _is_sendable(upload.counter)):
        label = _("Отправить сейчас") if is_later else _("Повторить")
        buttons.append(Button(reverse("calls:upload-retry", args=[upload.pk]), label))
    if GATHER_AGAIN.allows(upload):
        url = reverse("calls:upload-gather-again", args=[upload.pk])
        buttons.append(Button(url, _("Собрать заново")))
    if upload.state == UploadState.UNCLEAR:
        url = reverse("calls:upload-look-up", args=[upload.pk])
        buttons.append(Button(url, _("Проверить сейчас")))
    if upload.state == UploadState.SENT:
        url = reverse("calls:upload-poll", args=[upload.pk])
        buttons.append(Button(url, _("Спросить Метрику сейчас")))
    if CANCEL.allows(upload):
        url = reverse("calls:upload-call-off", args=[upload.pk])
        buttons.append(Button(url, _("Отменить отправку"), "danger", post=False))
    return buttons


def _is_sendable(counter: Counter) -> bool:
    return sendable.hold(sendable.SENDABLE, counter)
