"""What people ordered for a call, as far as rows and the audit trail know it.

A constant number of queries, however many counters the call has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import AuditEvent
from cabinets.people import name_of
from calls.decision.reasons import CALLED_OFF
from calls.models import (
    BackfillCounter,
    BulkAction,
    BulkKind,
    Call,
    Delivery,
    Resend,
    SendOrder,
    UnlinkedApproval,
)
from calls.pages.timeline_step import Step
from calls.pages.upload_page import label_of
from calls.states import Channel

#: A delivery of a call: counter and channel.
Pair = tuple[int, int]
#: Actions of the audit trail → what is said of them.
_AUDITED = {
    "delivery.released": gettext_lazy("Отпущен: уйдёт, не дожидаясь срока"),
    "delivery.called_off": gettext_lazy("Отправка отменена"),
    "upload.retry": gettext_lazy("Заказана ещё одна попытка"),
    "upload.gather_again": gettext_lazy("Заказано собрать файл заново"),
    "upload.call_off": gettext_lazy("Отправка файла отменена"),
    "upload.look_up": gettext_lazy("Заказано проверить, дошёл ли файл"),
    "upload.poll": gettext_lazy("Заказано спросить Метрику об итоге"),
}
_RELEASED, _CALLED_OFF = "delivery.released", "delivery.called_off"
#: The same done with many calls.
_OF_MANY = {BulkKind.RELEASE: _RELEASED, BulkKind.CALL_OFF: _CALLED_OFF}
#: The end of a row and the event of who ended it are written in one transaction.
_SAME_CHANGE = timedelta(seconds=10)
#: Longer after the call's start nothing can be ordered that changes it.
_ORDERED_WITHIN = timedelta(days=60)


def order_steps(call: Call, deliveries: Sequence[Delivery]) -> dict[Pair, list[Step]]:
    """Return what people ordered for each delivery, in no order."""
    pairs = [(one.counter_id, one.channel) for one in deliveries]
    found: dict[Pair, list[Step]] = defaultdict(list)
    of_counters = [*_approvals(call), *_orders(call), *_backfills(call, deliveries)]
    for counter_id, channel, step in of_counters:
        for pair in pairs:
            if pair[0] == counter_id and channel in (None, pair[1]):
                found[pair].append(step)
    for one, step in [*_resends(call, deliveries), *_audited(call, deliveries), *_bulk(deliveries)]:
        found[one.counter_id, one.channel].append(step)
    return found


def ends_with(delivery: Delivery, orders: Iterable[Step]) -> Step | None:
    """Return the order that called the delivery off, of which the decision tells; None for none."""
    if delivery.reason != CALLED_OFF.code:
        return None
    title = str(_AUDITED[_CALLED_OFF])
    return next(
        (
            one
            for one in orders
            if one.title == title and one.at and abs(one.at - delivery.decided_at) < _SAME_CHANGE
        ),
        None,
    )


def _name_of(person: User | None) -> str:
    # Everybody who sees the cabinet reads it.
    return name_of(person, sees_all=False) if person else "—"


def _approvals(call: Call) -> Iterator[tuple[int, int | None, Step]]:
    for one in UnlinkedApproval.objects.filter(call_id=call.pk).select_related("approved_by"):
        who = _("%(who)s, необратимо: Метрика не удаляет принятые звонки.")
        text = who % {"who": _name_of(one.approved_by)}
        title = _("Решено передать как непривязанный")
        yield one.counter_id, Channel.CALLS, Step(title, "info", one.approved_at, text)


def _orders(call: Call) -> Iterator[tuple[int, int | None, Step]]:
    for one in SendOrder.objects.filter(call_id=call.pk).select_related("ordered_by"):
        text = f"{_name_of(one.ordered_by)}."
        title = _("Заказана отправка в этот счетчик")
        yield one.counter_id, None, Step(title, "info", one.ordered_at, text)


def _backfills(
    call: Call, deliveries: Sequence[Delivery]
) -> Iterator[tuple[int, int | None, Step]]:
    """Yield the orders of past calls that have gone through this call."""
    key = {"reached_at": call.partition_at, "reached_call": call.pk}
    is_past = (
        Q(reached_at__lt=key["reached_at"])
        | Q(**key)
        | Q(reached_at=key["reached_at"], reached_call__lt=call.pk)
    )
    gone = BackfillCounter.objects.filter(
        Q(is_over=True) | is_past,
        counter__in={one.counter_id for one in deliveries},
        backfill__started_at__isnull=False,
        backfill__since__lte=call.started_at,
        backfill__until__gt=call.started_at,
    )
    for one in gone.select_related("backfill__requested_by"):
        backfill = one.backfill
        text = _("%(who)s: звонки с %(first)s по %(last)s.") % {
            "who": _name_of(backfill.requested_by),
            "first": _day(backfill.since),
            "last": _day(backfill.until),
        }
        title = _("Начата отправка прошлых звонков")
        yield one.counter_id, None, Step(title, "info", backfill.started_at, text)


def _resends(call: Call, deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, Step]]:
    by_pair = {(one.counter_id, one.channel): one for one in deliveries}
    resends = Resend.objects.filter(call_id=call.pk).select_related("upload", "ordered_by")
    for resend in resends.order_by("number"):
        delivery = by_pair.get((resend.counter_id, resend.channel))
        if delivery is not None:
            text = _("%(who)s, выгрузка %(number)d: %(state)s.") % {
                "who": _name_of(resend.ordered_by),
                "number": resend.upload_id,
                "state": label_of(resend.upload).lower(),
            }
            title = _("Заказана повторная отправка")
            yield delivery, Step(title, "warning", resend.ordered_at, text)


def _audited(call: Call, deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, Step]]:
    by_subject: dict[tuple[str, str], list[Delivery]] = defaultdict(list)
    for one in deliveries:
        by_subject["calls.delivery", str(one.pk)].append(one)
        if one.upload_id:
            by_subject["calls.upload", str(one.upload_id)].append(one)
    events = AuditEvent.objects.filter(
        cabinet_id=call.cabinet_id,
        at__range=(call.received_at, call.received_at + _ORDERED_WITHIN),
        action__in=[*_AUDITED],
        object_id__in={number for _type, number in by_subject},
    )
    for event in events.select_related("actor").order_by("at"):
        text = f"{_name_of(event.actor)}." if event.actor else ""
        for one in by_subject.get((event.object_type, event.object_id), ()):
            yield one, Step(str(_AUDITED[event.action]), "info", event.at, text)


def _bulk(deliveries: Sequence[Delivery]) -> Iterator[tuple[Delivery, Step]]:
    """Yield the actions on many calls that wrote their moment into the row."""
    marks = {(one.counter_id, mark): one for one in deliveries for mark in _marks(one)}
    if not marks:
        return
    actions = BulkAction.objects.filter(
        kind__in=[*_OF_MANY],
        counter__in={counter for counter, _mark in marks},
        requested_at__in={mark for _counter, mark in marks},
    )
    for action in actions.select_related("requested_by"):
        for one in deliveries:
            if one.counter_id == action.counter_id and action.requested_at in _marks(one):
                text = _("%(who)s, вместе с другими звонками.")
                title = str(_AUDITED[_OF_MANY[BulkKind(action.kind)]])
                named = text % {"who": _name_of(action.requested_by)}
                yield one, Step(title, "info", action.requested_at, named)


def _marks(delivery: Delivery) -> Iterable[datetime]:
    """Return the moments that an action may have written: `calls.delivery.hold_many`."""
    called_off = delivery.decided_at if delivery.reason == CALLED_OFF.code else None
    return [mark for mark in (called_off, delivery.not_before) if mark is not None]


def _day(at: datetime) -> str:
    return date_format(timezone.localtime(at), "j E")
