"""What happened to each delivery of a call, step by step; `timeline_events` makes one list of it.

A constant number of queries, however many counters and uploads the call has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models.functions import Coalesce, Length
from django.utils.translation import gettext as _

from cabinets.quotes import quoted
from calls.decision.explain import Verdict, explain_call
from calls.decision.reasons import hide_personal_data
from calls.forecast import Forecast
from calls.forecast import of as forecasts_of
from calls.models import (
    Call,
    Delivery,
    UploadAttempt,
)
from calls.pages.badge import badge_of, same_second_text
from calls.pages.buttons import Button, buttons_of
from calls.pages.help_codes import help_code_of, help_code_of_link
from calls.pages.proved import row_result, shown_sentence
from calls.pages.sent_changes import changed_text, changes_of
from calls.pages.sent_row import Cell, cells_of
from calls.pages.timeline_orders import order_steps
from calls.pages.timeline_step import Step
from calls.pages.timeline_steps import steps_of
from calls.pages.timeline_way import way_of
from calls.pages.upload_preview import values_of
from calls.queries.blockers import blockers_of, of_channel
from calls.queries.display_state import DisplayDelivery, with_display_state
from calls.queries.gathering import add_gathering
from calls.queries.link_proofs import Link, link_of
from calls.queries.same_second import SameSecond, same_second
from calls.queries.why_expired import why_expired
from calls.states import NOT_SENT, Channel, DeliveryState
from counters.models import Counter


@dataclass(frozen=True)
class Timeline:
    """One delivery of the call."""

    counter: Counter
    channel: int
    channel_text: str
    state_text: str
    state_tone: str
    upload_id: int | None
    #: What of the row as sent has changed since, in one line; '' for nothing.
    changed_text: str
    #: Whether Metrika has the file; before that nothing of it was sent.
    is_sent: bool
    #: The sentence beside its state.
    reason_text: str
    #: Which calls Metrika counts as one with it; '' for none.
    same_second_text: str
    steps: list[Step] = field(default_factory=list)
    #: Column → value of the row as sent; empty before the call is in a file.
    values: dict[str, str] = field(default_factory=dict)
    #: For people who may manage the cabinet.
    actions: list[Button] = field(default_factory=list)
    #: Names the help page about the sentence; '' for none.
    help_code: str = ""
    #: What Metrika's logs say of the row itself; '' for nothing.
    result_text: str = ""
    result_help: str = ""
    #: Whether a row that was not sent will be linked, in a sentence; '' for others.
    forecast_text: str = ""
    #: False: the call does not concern the counter, and there is no row (`calls.pages.unrouted`).
    has_row: bool = True

    @property
    def key(self) -> str:
        """Names it among the timelines of its call, in an address."""
        return f"{self.counter.pk}.{self.channel}"

    @property
    def row(self) -> list[Cell]:
        """The row as it was sent, for people."""
        return cells_of(self.values)

    @property
    def name(self) -> str:
        """The counter and the channel."""
        return f"{self.counter.name} · {self.channel_text}"


def timelines_of(call: Call, *, now: datetime, is_whole: bool = True) -> list[Timeline]:
    """Return a timeline for each delivery of the call; skipped ones come last.

    Personal data in the sentences are masked unless ``is_whole``; ``values`` stay as sent.
    """
    deliveries = sorted(_deliveries(call, now), key=lambda one: one.display_state in NOT_SENT)
    if not is_whole:
        hide_personal_data(deliveries)
    counters = {one.counter_id for one in deliveries}
    verdicts = explain_call(call.pk, is_whole=is_whole, counter_ids=counters)
    attempts = _attempts(deliveries)
    links = link_of(deliveries)
    forecasts = forecasts_of([one for one in deliveries if _is_to_be_sent(one)], now=now)
    way = way_of(call)
    values = values_of(
        (one.upload_id, one.row_number) for one in deliveries if one.upload_id and one.row_number
    )
    blockers = _blockers(deliveries, now)
    orders = order_steps(call, deliveries)
    pairs = same_second(deliveries)
    late = why_expired(deliveries, attempts, now=now)
    changes = changes_of(deliveries, is_whole=is_whole)
    facts = {
        one.pk: _Facts(
            verdicts=verdicts.get((one.counter_id, one.channel), []),
            attempts=attempts.get(one.upload_id or 0, []),
            blocker=of_channel(one.counter, one.channel, blockers[one.counter_id]),
            values=values.get((one.upload_id or 0, one.row_number or 0), {}),
            orders=orders.get((one.counter_id, one.channel), []),
            pair=pairs.get((one.call_id, one.counter_id)) if one.channel == Channel.GOAL else None,
            way=way,
            changed=changed_text(changes, one),
            link=links.get(one.pk),
            forecast=forecasts.get(one.pk),
            late=late.get(one.pk, ""),
        )
        for one in deliveries
    }
    return [_timeline(call, one, facts[one.pk], is_whole=is_whole, now=now) for one in deliveries]


@dataclass(frozen=True)
class _Facts:
    """What was read of one delivery, beside its own row."""

    verdicts: list[Verdict]
    attempts: list[UploadAttempt]
    blocker: str
    values: dict[str, str]
    orders: list[Step]
    #: The calls that Metrika counts as one with it; None for none.
    pair: SameSecond | None
    way: str
    changed: str
    link: Link | None
    forecast: Forecast | None
    #: What made it late; '' for one that is not.
    late: str


def _timeline(
    call: Call, delivery: DisplayDelivery, facts: _Facts, *, is_whole: bool, now: datetime
) -> Timeline:
    pair, link = facts.pair, facts.link
    state_text, state_tone = badge_of(delivery, pair)
    steps = steps_of(
        call,
        delivery,
        verdicts=facts.verdicts,
        attempts=facts.attempts,
        blocker=facts.blocker,
        orders=facts.orders,
        way=facts.way,
        changed=facts.changed,
        link=link,
        late=facts.late,
        now=now,
        sees_answers=is_whole,
    )
    return Timeline(
        counter=delivery.counter,
        channel=delivery.channel,
        channel_text=channel_text(delivery.counter, delivery.channel),
        state_text=state_text,
        state_tone=state_tone,
        upload_id=delivery.upload_id,
        reason_text=_joined(shown_sentence(delivery, link, blocker=facts.blocker), facts.late),
        help_code=help_code_of(delivery),
        result_text=row_result(link),
        result_help=help_code_of_link(link),
        same_second_text=same_second_text(pair, is_whole=is_whole) if pair else "",
        changed_text=facts.changed,
        is_sent=delivery.upload is not None and delivery.upload.uploading_id is not None,
        steps=steps,
        values=facts.values,
        forecast_text=facts.forecast.text if facts.forecast else "",
        actions=buttons_of(
            delivery, now=now, refused=[one.code for one in facts.verdicts if not one.passed]
        ),
    )


def _joined(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


def _is_to_be_sent(delivery: DisplayDelivery) -> bool:
    """Whether the row waits for its file."""
    return delivery.state == DeliveryState.WAITING


def _deliveries(call: Call, now: datetime) -> list[DisplayDelivery]:
    deliveries = Delivery.objects.filter(call_id=call.pk, partition_at=call.partition_at)
    rows = list(
        with_display_state(deliveries, now)
        .select_related("upload", "counter__account", "counter__goal", "counter__callback_goal")
        .defer("counter__account__access_token", "counter__account__refresh_token")
        .order_by("counter__name", "counter_id", "channel")
    )
    for row in rows:
        row.call = call
    add_gathering(rows, now=now)
    return rows


def _attempts(deliveries: Sequence[Delivery]) -> dict[int, list[UploadAttempt]]:
    uploads = {one.upload_id for one in deliveries if one.upload_id}
    by_upload: dict[int, list[UploadAttempt]] = defaultdict(list)
    size = Coalesce("upload__file__size", Length("upload__file__body"))
    attempts = UploadAttempt.objects.filter(upload__in=uploads).annotate(file_size=size)
    for attempt in attempts.order_by("started_at", "pk"):
        by_upload[attempt.upload_id].append(attempt)
    return by_upload


def _blockers(deliveries: Sequence[Delivery], now: datetime) -> dict[int, str]:
    counters = {one.counter_id: one.counter for one in deliveries}
    return blockers_of(counters.values(), now=now)


def channel_text(counter: Counter, channel: int) -> str:
    """Return the channel in words, with the goals that are chosen. Load the counter with it."""
    label = str(Channel(channel).label)
    if channel != Channel.GOAL or counter.goal is None:
        return label
    if counter.callback_goal is None:
        return f"{label} {quoted(counter.goal.name)}"
    text = _("%(channel)s «%(goal)s», для обратных звонков «%(callbacks)s»")
    names = {"goal": counter.goal.name, "callbacks": counter.callback_goal.name}
    return text % ({"channel": label} | names)
