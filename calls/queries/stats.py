"""Counts of waiting and sent deliveries, for the pages of counters and accounts.

Every function makes a constant number of queries, however many counters there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from calls.decision.decide import LINK_HORIZON
from calls.decision.reasons import GIVEN_BY_A_PERSON
from calls.models import Delivery, Upload
from calls.queries.display_state import with_display_state
from calls.states import BY_ORDER_ONLY, TONES, Channel, DisplayState
from counters.models import Counter
from integrations.models import YandexAccount

#: Days in the small chart of a counter, today included.
CHART_DAYS = 14


@dataclass(frozen=True)
class Waiting:
    """Deliveries that will be sent and are not with Metrika yet."""

    count: int
    #: When the first of them can no longer be linked to a visit.
    earliest_expiry: datetime | None


@dataclass
class SentTotals:
    """Rows that Metrika has accepted: in total, today, and per day (today last)."""

    total: int = 0
    today: int = 0
    by_day: list[int] = field(default_factory=lambda: [0] * CHART_DAYS)


@dataclass(frozen=True)
class StateTotal:
    """The number of deliveries in one display state."""

    state: str
    label: str
    tone: str
    count: int
    share: str


def waiting_of_account(account: YandexAccount) -> Waiting:
    """Return what is waiting to be sent through the account."""
    return _waiting(Q(counter__account=account))


def waiting_of_counter(counter: Counter) -> Waiting:
    """Return what is waiting to be sent to the counter."""
    return _waiting(Q(counter=counter))


def sent_totals(counters: Sequence[Counter], *, now: datetime) -> dict[int, SentTotals]:
    """Return totals by counter id, with days in the current time zone (on a page, its cabinet's).

    A call that is sent over both channels is counted once: in the calls channel if the counter
    sends calls, else in the goal channel.
    """
    today = timezone.localtime(now).date()
    totals = {counter.pk: SentTotals() for counter in counters}
    for counter_id, day, rows in _sent_by_day(counters, today):
        _add(totals[counter_id], (today - day).days, rows)
    return totals


def state_totals(deliveries: QuerySet[Delivery], *, now: datetime) -> list[StateTotal]:
    """Return the number of these deliveries in each display state that occurs, in enum order."""
    counted = (
        with_display_state(deliveries, now)
        .order_by()
        .values_list("display_state")
        .annotate(Count("call_id"))
    )
    counts = dict(counted)
    whole = sum(counts.values())
    return [
        StateTotal(
            state=shown.value,
            label=str(shown.label),
            tone=TONES[shown],
            count=counts[shown.value],
            share=share_text(counts[shown.value], whole),
        )
        for shown in DisplayState
        if shown.value in counts
    ]


def share_text(part: int, whole: int) -> str:
    """Return a share in per cent; a part of the whole is never rounded to 0 % or 100 %."""
    percent = part * 100 / whole
    if 0 < percent < 1:
        return "<1 %"
    if 99 < percent < 100:
        return ">99 %"
    return f"{round(percent)} %"


def _waiting(whose: Q) -> Waiting:
    not_batched = (
        Delivery.objects.waiting()
        .filter(whose)
        .aggregate(count=Count("call_id"), expiry=Min("expires_at"))
    )
    batched = (
        Upload.objects.on_the_way()
        .filter(whose)
        .aggregate(count=Sum("rows"), oldest=Min("oldest_call_at"))
    )
    # Of a refused file in bisection, only the rows that are not in its parts yet.
    bisected = Upload.objects.splitting().filter(whose)
    in_bisection = (
        Delivery.objects.batched()
        .filter(whose, upload__in=bisected)
        .aggregate(count=Count("call_id"), expiry=Min("expires_at"))
    )
    oldest = batched["oldest"]
    batched_expiry = oldest + LINK_HORIZON if oldest else None
    expiries = [not_batched["expiry"], batched_expiry, in_bisection["expiry"]]
    return Waiting(
        count=not_batched["count"] + (batched["count"] or 0) + in_bisection["count"],
        earliest_expiry=min((one for one in expiries if one), default=None),
    )


def _sent_by_day(counters: Sequence[Counter], today: date) -> list[tuple[int, date, int]]:
    by_calls = [counter.pk for counter in counters if counter.send_calls]
    by_goal = [counter.pk for counter in counters if not counter.send_calls]
    rows = (
        Upload.objects.taken()
        .filter(
            Q(counter__in=by_calls, channel=Channel.CALLS)
            | Q(counter__in=by_goal, channel=Channel.GOAL),
            sent_at__isnull=False,
        )
        .order_by()
        .values_list("counter_id", TruncDate("sent_at"))
        .annotate(Sum("rows"))
    )
    return list(rows)


def _add(totals: SentTotals, days_ago: int, rows: int) -> None:
    totals.total += rows
    if days_ago == 0:
        totals.today += rows
    if 0 <= days_ago < CHART_DAYS:
        totals.by_day[CHART_DAYS - 1 - days_ago] += rows


def excluded_by_settings(counter: Counter) -> int:
    """Return the number of waiting deliveries that settings excluded; they may return."""
    return (
        Delivery.objects.skipped()
        .filter(counter=counter, waited=True, expires_at__gt=timezone.now())
        .exclude(reason__in=(*GIVEN_BY_A_PERSON, *BY_ORDER_ONLY))
        .count()
    )
