"""What is decided for stored calls: per counter and channel, with the row that would be sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from calls.decision.reasons import REASONS
from calls.decision.routing import Unrouted, unrouted_pairs
from calls.delivery.csv_writer import rows_of_calls
from calls.models import Delivery
from calls.states import Channel, DeliveryState, IdKind
from counters.models import Counter


class Outcome(StrEnum):
    """What becomes of a call for one counter over one channel."""

    SEND = "send"
    SKIP = "skip"
    #: Its 21 days have passed.
    EXPIRED = "expired"
    #: An earlier record of the call is in a file already; what was sent stays.
    SENT_BEFORE = "sent_before"
    #: The call does not concern the counter over this channel.
    NOT_CONCERNED = "not_concerned"


_OUTCOMES = {
    DeliveryState.WAITING: Outcome.SEND,
    DeliveryState.SKIPPED: Outcome.SKIP,
    DeliveryState.EXPIRED: Outcome.EXPIRED,
    DeliveryState.BATCHED: Outcome.SENT_BEFORE,
    DeliveryState.ROW_REFUSED: Outcome.SENT_BEFORE,
}


@dataclass(frozen=True)
class Decision:
    """The decision for one counter and channel; ``reason`` is a code of `REASONS`, or None.

    ``row``: column → cell of the CSV, for a call that would be sent.
    """

    counter: Counter
    channel: Channel
    outcome: Outcome
    reason: str | None = None
    compared: Sequence[Any] | None = None
    not_before: datetime | None = None
    row: Mapping[str, str] | None = None

    def sentence(self, *, now: datetime, is_whole: bool) -> str:
        """Return the decision in words; without personal data unless ``is_whole``."""
        if self.reason is not None:
            reason = REASONS[self.reason]
            return reason.text(self.compared if is_whole else reason.masked(self.compared))
        if self.outcome is Outcome.EXPIRED:
            return _("С начала звонка прошёл 21 день: Метрика его уже не привяжет.")
        if self.outcome is Outcome.SENT_BEFORE:
            return _("Звонок уже в выгрузке: повторно он не отправляется.")
        if self.not_before is not None and self.not_before > now:
            local = timezone.localtime(self.not_before)
            return _("Будет отправлен, не раньше %(time)s.") % {"time": f"{local:%d.%m.%Y %H:%M}"}
        return _("Будет отправлен.")


def decisions_of(call_ids: Sequence[int]) -> dict[int, list[Decision]]:
    """Return the decisions of each call, by counter and channel, inside a transaction.

    The number of statements grows with the counters, not with the calls.
    """
    deliveries = list(
        Delivery.objects.filter(call_id__in=call_ids).select_related(None).order_by("call_id")
    )
    found = {(one.call_id, one.counter_id, one.channel) for one in deliveries}
    unrouted = [
        one
        for one in unrouted_pairs(call_ids)
        if (one.call_id, one.counter_id, one.channel) not in found
    ]
    ids = {one.counter_id for one in deliveries} | {one.counter_id for one in unrouted}
    counters = Counter.objects.in_bulk(ids)
    rows = _rows_of(one for one in deliveries if one.state == DeliveryState.WAITING)
    decided: dict[int, list[Decision]] = defaultdict(list)
    for call_id, decision in (*_written(deliveries, counters, rows), *_left(unrouted, counters)):
        decided[call_id].append(decision)
    for decisions in decided.values():
        decisions.sort(key=lambda one: (one.counter.pk, one.channel))
    return decided


def _written(
    deliveries: Iterable[Delivery],
    counters: Mapping[int, Counter],
    rows: Mapping[int, Mapping[str, str]],
) -> Iterator[tuple[int, Decision]]:
    for one in deliveries:
        outcome = _OUTCOMES[DeliveryState(one.state)]
        yield (
            one.call_id,
            Decision(
                counters[one.counter_id],
                Channel(one.channel),
                outcome,
                one.reason,
                one.compared,
                one.not_before if outcome is Outcome.SEND else None,
                rows.get(one.pk),
            ),
        )


def _left(
    unrouted: Iterable[Unrouted], counters: Mapping[int, Counter]
) -> Iterator[tuple[int, Decision]]:
    for one in unrouted:
        yield (
            one.call_id,
            Decision(
                counters[one.counter_id],
                Channel(one.channel),
                Outcome.NOT_CONCERNED,
                one.code,
                one.compared,
            ),
        )


def _rows_of(deliveries: Iterable[Delivery]) -> dict[int, Mapping[str, str]]:
    """Return {delivery id: row}: those of one file at a time, as files are written."""
    streams: dict[tuple[int, int, int, bool], dict[int, int]] = defaultdict(dict)
    for one in deliveries:
        key = (one.counter_id, one.channel, one.id_kind or IdKind.CLIENT_ID, one.is_static)
        streams[key][one.call_id] = one.pk
    found: dict[int, Mapping[str, str]] = {}
    for (counter_id, channel, id_kind, is_static), calls in streams.items():
        rows = rows_of_calls(
            list(calls),
            counter_id=counter_id,
            channel=Channel(channel),
            id_kind=IdKind(id_kind),
            is_static=is_static,
        )
        found |= {calls[call_id]: row for call_id, row in rows.items()}
    return found
