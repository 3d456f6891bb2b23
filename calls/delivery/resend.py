"""Sends one call again because a person ordered it, after a warning about counting it twice.

Metrika can neither change nor delete what it took, so a repeat may be counted twice for ever. The
ledger is not changed: the delivery keeps its only upload, and the extra row goes in an upload of
its own, which then is sent, looked up and polled like any other.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cabinets import audit
from calls.decision.csv_formats import unfit_rows
from calls.decision.explain import stream_of
from calls.decision.horizon import LINK_HORIZON
from calls.delivery.csv_writer import write_row
from calls.delivery.uploads import create_upload, next_upload_id
from calls.models import Delivery, Resend, Upload
from calls.states import (
    OPEN_UPLOADS,
    TAKEN_UPLOADS,
    Attention,
    Channel,
    DeliveryState,
    IdKind,
    UploadState,
)
from counters.models import Counter

GOES_BY_ITSELF = _("Этот звонок ещё не в Метрике и уйдёт сам: повторять нечего.")
NOT_SENT = _("Этот звонок не отправлялся.")
ON_ITS_WAY = _("Прошлая повторная отправка ещё в пути.")
TOO_LATE = Attention.EXPIRED.sentence
NO_COUNTER = _("Счетчик удалён из кабинета: отправлять некуда.")
NO_GOAL = _("Цель не выбрана или удалена в Метрике: выберите её в настройках счетчика.")
UNUSABLE = _("В данных звонка не осталось идентификатора, по которому Метрика узнала бы визит.")


class CannotResend(Exception):
    """The call cannot be sent again; ``sentence`` is the reason in Russian."""

    def __init__(self, sentence: str | Promise) -> None:
        super().__init__(str(sentence))
        self.sentence = sentence


def resends_of(delivery: Delivery) -> list[Resend]:
    """Return the repeats ordered for the delivery so far, in order."""
    return list(
        Resend.objects.filter(
            call_id=delivery.call_id, counter_id=delivery.counter_id, channel=delivery.channel
        )
        .select_related("upload", "ordered_by")
        .order_by("number")
    )


def is_surely_not_there(delivery: Delivery) -> bool:
    """Whether Metrika refused the row, so that a repeat is not counted twice."""
    return delivery.state == DeliveryState.ROW_REFUSED


def resend_blocker(delivery: Delivery, *, now: datetime) -> str | Promise:
    """Return why the call cannot be sent again now; empty when it can.

    Load the delivery with its call, its upload and its counter's goals.
    """
    if delivery.counter.removed_at is not None:
        return NO_COUNTER
    if delivery.expires_at <= now:
        return TOO_LATE
    if delivery.channel == Channel.GOAL:
        goal = delivery.counter.goal_of(delivery.call.kind)
        if goal is None or goal.deleted_at is not None:
            return NO_GOAL
    if is_surely_not_there(delivery):
        return ""
    if delivery.upload is None:
        return GOES_BY_ITSELF if delivery.state == DeliveryState.WAITING else NOT_SENT
    if _is_taken(delivery.upload):
        return ""
    return NOT_SENT if delivery.upload.state == UploadState.CANCELLED else GOES_BY_ITSELF


def order(delivery: Delivery, *, number: int, actor: User | None, now: datetime) -> Resend | None:
    """Order the ``number``-th repeat of a call; None when that one is already ordered.

    The current values of the call and the current settings are sent. Raises CannotResend.
    """
    with transaction.atomic():
        # The lock keeps the settings unchanged until the bytes are frozen, and orders of two people
        # one after the other.
        Counter.objects.select_for_update(of=("self",), no_key=True).get(pk=delivery.counter_id)
        current = _reload(delivery)
        earlier = resends_of(current)
        if number != len(earlier) + 1:
            return None
        blocker = resend_blocker(current, now=now) or (_is_under_way(earlier) and ON_ITS_WAY)
        if blocker:
            raise CannotResend(blocker)
        upload = _freeze(current, now)
        resend = Resend.objects.create(
            call_id=current.call_id,
            counter_id=current.counter_id,
            channel=current.channel,
            number=number,
            upload=upload,
            ordered_by=actor,
            ordered_at=now,
        )
        _log_order(resend, current, actor)
    return resend


def _is_taken(upload: Upload) -> bool:
    doubled = upload.attention == Attention.DUPLICATE
    return upload.state in TAKEN_UPLOADS or doubled


def _is_under_way(resends: list[Resend]) -> bool:
    return any(
        one.upload.state in OPEN_UPLOADS and one.upload.state != UploadState.SENT for one in resends
    )


def _reload(delivery: Delivery) -> Delivery:
    row = Delivery.objects.row(delivery)
    related = ("counter__goal", "counter__callback_goal", "upload", "cabinet", "call")
    return row.select_related(*related).defer("call__raw").get()


def _freeze(delivery: Delivery, now: datetime) -> Upload:
    channel, (kind, is_static) = Channel(delivery.channel), _stream(delivery)
    call_at = delivery.call.started_at
    body = write_row(delivery, channel=channel, id_kind=kind, is_static=is_static)
    if unfit_rows([body]):
        raise CannotResend(UNUSABLE)
    if call_at + LINK_HORIZON <= now:
        raise CannotResend(TOO_LATE)
    goal = delivery.counter.goal_of(delivery.call.kind)
    return create_upload(
        upload_id=next_upload_id(),
        cabinet_id=delivery.cabinet_id,
        counter_id=delivery.counter_id,
        channel=channel,
        id_kind=kind,
        is_static=is_static,
        target=goal.identifier if channel is Channel.GOAL and goal else "",
        pieces=[(1, body)],
        rows=1,
        oldest_call_at=call_at,
        newest_call_at=call_at,
        now=now,
    )


def _stream(delivery: Delivery) -> tuple[IdKind, bool]:
    """Return the identifier and whether the row is unlinked, by today's values of the call.

    Raises CannotResend for a call that was linked by an identifier that is gone: as unlinked it
    would be another call to Metrika.
    """
    id_kind, is_static = stream_of(delivery.call_id, delivery.counter_id)
    if is_static and not delivery.is_static:
        raise CannotResend(UNUSABLE)
    if is_static or id_kind is None:
        return IdKind.CLIENT_ID, is_static
    return IdKind(id_kind), is_static


def _log_order(resend: Resend, delivery: Delivery, actor: User | None) -> None:
    audit.log_change(
        cabinet=delivery.cabinet,
        actor=actor,
        action="delivery.sent_again",
        subject=resend,
        before={"upload": delivery.upload_id},
        after={
            "call": resend.call_id,
            "counter": resend.counter_id,
            "channel": Channel(resend.channel).name.lower(),
            "number": resend.number,
            "upload": resend.upload_id,
        },
    )
