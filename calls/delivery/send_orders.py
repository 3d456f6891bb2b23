"""Sends calls to a counter although its settings exclude them, because a person ordered it.

Metrika can neither change nor delete what it took, so this is never done without a person. Which
rules an order waives is `Rule.is_waivable`; nothing is sent twice, however often it is ordered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction

from cabinets import audit
from calls.decision import ordered
from calls.decision.ordered import ALREADY, LATE, NAMED, SENT, WAIVED, Asked, Terms
from calls.decision.reasons import COUNTER_REMOVED
from calls.models import Call, Delivery
from calls.states import DeliveryState
from counters.models import Counter

#: Ids of one transaction: the locks of so many calls are held together.
MAX_CALLS = 2_000


@dataclass(frozen=True)
class SendCounts:
    """Calls by what becomes of them.

    ``sent``: they wait to be sent from now on. ``already``: they were in a file, wait, or are done.
    ``late``: Metrika links them no more. ``refused``: code of a rule that the order does not waive
    → calls.
    """

    sent: int = 0
    already: int = 0
    late: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, outcomes: Mapping[str, int]) -> SendCounts:
        """Return the counts of the outcomes of `calls.decision.ordered`."""
        by_code = dict(outcomes)
        named = (by_code.pop(SENT, 0), by_code.pop(ALREADY, 0), by_code.pop(LATE, 0))
        return cls(*named, by_code)

    @property
    def outcomes(self) -> dict[str, int]:
        """The counts by outcome, to be stored; those of 0 are left out."""
        named = {SENT: self.sent, ALREADY: self.already, LATE: self.late}
        return {code: calls for code, calls in (named | dict(self.refused)).items() if calls}

    @property
    def not_sent(self) -> int:
        """How many calls rules refuse."""
        return sum(self.refused.values())

    @property
    def total(self) -> int:
        """How many calls were judged."""
        return self.sent + self.already + self.late + self.not_sent

    def __add__(self, other: SendCounts) -> SendCounts:
        """Return the sum, by outcome."""
        both = (self.outcomes, other.outcomes)
        codes = {code for one in both for code in one}
        return SendCounts.of({code: sum(one.get(code, 0) for one in both) for code in codes})


def may_order(delivery: Delivery, *, now: datetime) -> bool:
    """Whether an order may send what the settings exclude. Load the delivery with its counter."""
    return (
        delivery.state == DeliveryState.SKIPPED
        and delivery.reason in (*WAIVED, COUNTER_REMOVED.code)
        and delivery.expires_at > now
        and delivery.counter.removed_at is None
    )


def preview_sending(
    counter: Counter, call_ids: Sequence[int], *, now: datetime, terms: Terms = NAMED
) -> SendCounts:
    """Return what `order_sending` would do with these calls of the counter's cabinet now."""
    if counter.removed_at is not None:
        return _all_removed(call_ids)
    return SendCounts.of(ordered.count(_asked(counter, call_ids), terms, now=now))


@transaction.atomic
def order_sending(
    counter: Counter,
    call_ids: Sequence[int],
    *,
    actor: User | None,
    now: datetime,
    terms: Terms = NAMED,
) -> SendCounts:
    """Have these calls of the counter's cabinet sent to it, up to MAX_CALLS of them.

    Over each channel in use in which the call is in no file and does not wait. Also calls that a
    person had called off, and calls that did not concern the counter: they get rows of its ledger.
    Of a counter that is switched off they wait for the switch. An audit event is the caller's.
    """
    if len(call_ids) > MAX_CALLS:
        raise ValueError("too many calls for one transaction")
    locked = Counter.objects.present().select_for_update(of=("self",), no_key=True)
    if not locked.filter(pk=counter.pk).exists():
        return _all_removed(call_ids)
    actor_id = actor.pk if actor else None
    outcomes = ordered.send(_asked(counter, call_ids), terms, actor_id=actor_id, now=now)
    return SendCounts.of(outcomes)


@transaction.atomic
def order_call(call: Call, counter: Counter, *, actor: User | None, now: datetime) -> SendCounts:
    """Have one call sent to the counter, with an event of the audit trail."""
    rows = Delivery.objects.filter(
        call_id=call.pk, partition_at=call.partition_at, counter_id=counter.pk
    ).order_by("channel")
    before = list(rows.values_list("reason", flat=True))
    counts = order_sending(counter, [call.pk], actor=actor, now=now)
    if counts.sent:
        audit.log_change(
            cabinet=counter.cabinet,
            actor=actor,
            action="delivery.send_ordered",
            subject=rows.waiting()[0],
            before={"reason": next(filter(None, before), None)},
            after={"call": call.pk, "counter": counter.pk},
        )
    return counts


def _asked(counter: Counter, call_ids: Sequence[int]) -> Asked:
    return Asked(counter.cabinet_id, counter.pk, call_ids)


def _all_removed(call_ids: Sequence[int]) -> SendCounts:
    return SendCounts(refused={COUNTER_REMOVED.code: len(set(call_ids))})
