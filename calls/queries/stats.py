"""Counts of waiting and sent deliveries, for the pages of counters and accounts.

Every function makes a constant number of queries, however many counters there are.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta

from django.db.models import Count, Min, Q, QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from calls.decision.horizon import LINK_HORIZON
from calls.decision.reasons import GIVEN_BY_A_PERSON
from calls.models import Delivery, Upload
from calls.models.querysets import AWAITS_GOAL, AWAITS_PERSON
from calls.queries import whole_history
from calls.queries.display_state import own_state_case, states_of_uploads
from calls.queries.linked import SUMS, LinkedTotals, linked_of_uploads
from calls.queries.whole_history import Group
from calls.states import (
    BY_ORDER_ONLY,
    GOAL_GONE,
    IDENTIFIER_UNREADABLE,
    KEPT_AS_SENT,
    MAY_HAVE_ARRIVED,
    MAYBE_SENT,
    OF_HELD_BACK,
    TONES,
    Channel,
    DisplayState,
)
from counters.models import Counter
from integrations.models import YandexAccount

#: Larger numbers are not counted to their end.
MOST_COUNTED = 10_000
#: Days in the small chart of a counter, today included.
CHART_DAYS = 14
#: Reasons of calls that wait for a person's decision, or got one: no settings bring them back.
_OF_NO_SETTING = (GOAL_GONE, IDENTIFIER_UNREADABLE, MAYBE_SENT, KEPT_AS_SENT, *OF_HELD_BACK)


@dataclass(frozen=True)
class Waiting:
    """Deliveries that will be sent and are not with Metrika yet."""

    count: int
    #: When the first of them can no longer be linked to a visit.
    earliest_expiry: datetime | None
    #: How many of them are in files of which Metrika may have got one already.
    unclear: int = 0


@dataclass
class SentTotals:
    """Calls that Metrika has: in total, today, per day (today last), and what became of them."""

    total: int = 0
    today: int = 0
    by_day: list[int] = field(default_factory=lambda: [0] * CHART_DAYS)
    links: LinkedTotals = field(default_factory=LinkedTotals)


@dataclass(frozen=True)
class StateTotal:
    """The number of deliveries in one display state."""

    state: str
    label: str
    tone: str
    count: int
    share: str
    #: How many of them are in files that Metrika has.
    sent: int


def waiting_of_account(account: YandexAccount) -> Waiting:
    """Return what is waiting to be sent through the account."""
    return _waiting(Q(counter__account=account))


def waiting_of_counter(counter: Counter) -> Waiting:
    """Return what is waiting to be sent to the counter."""
    return _waiting(Q(counter=counter))


def sent_totals(counters: Sequence[Counter], *, now: datetime) -> dict[int, SentTotals]:
    """Return totals by counter id, with days in the current time zone (on a page, its cabinet's).

    A call that is sent over both channels is counted once: in `counted_channel`. Repeats that a
    person ordered are not counted: they are the same calls.
    """
    if not counters:
        return {}
    uploads = _sent_uploads(counters)
    totals = {counter.pk: SentTotals() for counter in counters}
    for counter_id, *counts in uploads.values_list("counter_id").annotate(**SUMS):
        links = LinkedTotals(*counts)
        totals[counter_id].total, totals[counter_id].links = links.sent, links
    _add_days(totals, uploads, timezone.localtime(now))
    return totals


def counted_channel(counter: Counter) -> Channel:
    """Return the channel whose calls are counted as sent: calls if they are sent, else the goal."""
    return Channel.CALLS if counter.send_calls else Channel.GOAL


def state_totals(deliveries: QuerySet[Delivery], *, now: datetime) -> list[StateTotal]:
    """Return the number of these deliveries in each display state that occurs, in enum order."""
    counts, sent, _uploads = _counted(_groups(deliveries, now))
    return _state_totals(counts, sent)


def history_totals(
    deliveries: QuerySet[Delivery], *, now: datetime
) -> tuple[list[StateTotal], LinkedTotals]:
    """Return `state_totals` and `linked_of` of the deliveries, which are read once for both."""
    return _history_totals(_groups(deliveries, now))


def whole_history_totals(
    counter: Counter, *, now: datetime
) -> tuple[list[StateTotal], LinkedTotals]:
    """Return `history_totals` of all deliveries of the counter."""
    return _history_totals(whole_history.groups_of(counter, now=now))


def _history_totals(groups: list[Group]) -> tuple[list[StateTotal], LinkedTotals]:
    counts, sent, uploads = _counted(groups)
    return _state_totals(counts, sent), linked_of_uploads(uploads)


def _groups(deliveries: QuerySet[Delivery], now: datetime) -> list[Group]:
    return list(
        deliveries.order_by()
        .annotate(own_state=own_state_case(now))
        .values_list("upload_id", "own_state")
        .annotate(count=Count("call_id"))
    )


def _counted(groups: list[Group]) -> tuple[Tally[str], Tally[str], list[int]]:
    """Return by display state: how many deliveries, how many with Metrika; and their uploads.

    They are counted by upload first: the state of an upload is computed once, not for each row.
    """
    uploads = sorted({upload for upload, _own, _count in groups if upload is not None})
    states = states_of_uploads(uploads) if uploads else {}
    unknown = (DisplayState.NEEDS_ATTENTION.value, False)
    counts: Tally[str] = Tally()
    sent: Tally[str] = Tally()
    for upload, own, count in groups:
        state, is_sent = states.get(upload, unknown) if upload is not None else unknown
        counts[own or state] += count
        sent[own or state] += count * is_sent
    return counts, sent, uploads


def _state_totals(counts: Tally[str], sent: Tally[str]) -> list[StateTotal]:
    whole = sum(counts.values())
    return [
        StateTotal(
            state=shown.value,
            label=str(shown.label),
            tone=TONES[shown],
            count=counts[shown.value],
            share=share_text(counts[shown.value], whole),
            sent=sent[shown.value],
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
        .aggregate(
            count=Sum("rows"),
            oldest=Min("oldest_call_at"),
            unclear=Sum("rows", filter=Q(state__in=MAY_HAVE_ARRIVED)),
        )
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
        unclear=batched["unclear"] or 0,
    )


def _sent_uploads(counters: Sequence[Counter]) -> QuerySet[Upload]:
    """Return the uploads with Metrika of the counted channel of each counter."""
    by_channel: dict[Channel, list[int]] = {channel: [] for channel in Channel}
    for counter in counters:
        by_channel[counted_channel(counter)].append(counter.pk)
    calls, goal = by_channel[Channel.CALLS], by_channel[Channel.GOAL]
    return (
        Upload.objects.with_metrika()
        .filter(
            Q(counter__in=calls, channel=Channel.CALLS) | Q(counter__in=goal, channel=Channel.GOAL),
            sent_at__isnull=False,
            resend__isnull=True,
        )
        .order_by()
    )


def _add_days(totals: dict[int, SentTotals], uploads: QuerySet[Upload], now: datetime) -> None:
    """Add the days of the chart; ``now`` is in the time zone of the days."""
    first = now.date() - timedelta(days=CHART_DAYS - 1)
    recent = uploads.filter(sent_at__gte=timezone.make_aware(datetime.combine(first, time.min)))
    by_day = recent.values_list("counter_id", TruncDate("sent_at")).annotate(Sum("rows"))
    for counter_id, day, rows in by_day:
        of_counter = totals[counter_id]
        if first <= day <= now.date():
            of_counter.by_day[(day - first).days] += rows
        of_counter.today = of_counter.by_day[-1]


def awaiting_decision(counters: Q, *, now: datetime) -> list[tuple[int, str, int]]:
    """Return (counter id, its name, calls that wait for a person's decision), by name."""
    rows = (
        Delivery.objects.filter(AWAITS_PERSON, expires_at__gt=now)
        # The months that may hold them; a start may have been corrected since it came.
        .filter(partition_at__gt=now - 2 * LINK_HORIZON)
        .filter(counter__in=Counter.objects.present().filter(counters))
        .order_by("counter__name", "counter_id")
    )
    counted = rows.values_list("counter_id", "counter__name").annotate(
        Count("call_id", distinct=True)
    )
    return list(counted)


def stuck_uploads(counter_ids: Iterable[int]) -> dict[int, int]:
    """Return how many uploads of each counter wait for a person; counters without are left out."""
    stuck = Upload.objects.needs_attention().filter(counter__in=list(counter_ids)).order_by()
    return dict(stuck.values_list("counter_id").annotate(Count("pk")))


def decisions_awaited(counter: Counter, *, now: datetime) -> int:
    """Return the number of the counter's calls that wait for a person's decision."""
    return sum(calls for _pk, _name, calls in awaiting_decision(Q(pk=counter.pk), now=now))


def awaiting_goal(counter: Counter, *, now: datetime) -> int:
    """Return the number of the counter's conversions that wait for another goal to be chosen."""
    return Delivery.objects.filter(AWAITS_GOAL, counter=counter, expires_at__gt=now).count()


def excluded_by_settings(counter: Counter) -> int:
    """Return the number of calls that waited and that settings excluded; they may return.

    Not those that wait for a person's decision: no settings bring them back. No more than
    MOST_COUNTED + 1 are counted.
    """
    excluded = (
        Delivery.objects.skipped()
        .filter(counter=counter, waited=True, expires_at__gt=timezone.now())
        .exclude(reason__in=(*GIVEN_BY_A_PERSON, *BY_ORDER_ONLY, *_OF_NO_SETTING))
    )
    calls = excluded.order_by().values("call_id").distinct()
    return calls[: MOST_COUNTED + 1].count()
