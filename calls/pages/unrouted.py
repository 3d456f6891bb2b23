"""The counters that a call does not concern, on its page: why, by today's settings.

There are no rows of the ledger for them, so this is computed when it is asked for, from the rules
of `calls.decision`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy

from calls.decision.explain import Verdict, explain_call
from calls.decision.horizon import LINK_HORIZON
from calls.decision.reasons import REASONS
from calls.decision.routing import ROUTING_RULES, routing_of
from calls.delivery.send_orders import preview_sending
from calls.models import Call
from calls.pages.buttons import Button, send_button
from calls.pages.timeline import Timeline, channel_text
from calls.pages.timeline_step import Step
from calls.pages.timeline_steps import received_step, rule_lines
from calls.pages.timeline_way import way_of
from calls.states import STATIC_NO_GOAL, CallKind, Channel
from counters.models import Counter

NOT_CONCERNED = gettext_lazy("Не относится к счетчику")
#: Of a counter that the call would concern by now, and that has no row of it.
CAME_BEFORE = gettext_lazy(
    "Когда звонок пришёл, настройки счетчика ему не подходили или счетчика в кабинете ещё не было. "
    "Сами такие звонки не отправляются и после того, как настройки подойдут."
)
#: The same of a call that is not too late for Metrika.
CAME_BEFORE_IN_TIME = format_lazy(
    "{} {}",
    CAME_BEFORE,
    gettext_lazy("Отправить такой звонок можно кнопкой на этой странице: выберите счетчик."),
)


@dataclass(frozen=True)
class OtherLink:
    """A counter, with the channel where only that is not in use, and the key of its timeline."""

    key: str
    name: str


@dataclass(frozen=True)
class OtherGroup:
    """Counters that a call does not concern for the same reason."""

    reason_text: str
    counters: int
    links: list[OtherLink]


def others_of(call: Call, timelines: Sequence[Timeline]) -> list[OtherGroup]:
    """Return the counters and channels without a timeline by their reason. Two queries."""
    listed = {(one.counter.pk, one.channel) for one in timelines}
    rules = {pair: rule for pair, rule in routing_of(call.pk).items() if pair not in listed}
    channels: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for (counter_id, channel), rule in sorted(rules.items(), key=lambda one: one[0]):
        channels[counter_id][rule.code if rule else _code(call, channel)].append(channel)
    links: dict[str, list[OtherLink]] = defaultdict(list)
    for counter in _counters(call, set(channels)):
        for code, found in channels[counter.pk].items():
            links[code].append(_link(counter, found))
    sentences = {rule.code: rule.today or rule.sentence for rule in ROUTING_RULES}
    sentences |= {"": _came_before(call), STATIC_NO_GOAL: REASONS[STATIC_NO_GOAL].sentence}
    return [_group(str(sentences[code]), links[code]) for code in sentences if links[code]]


def unrouted_timelines(
    call: Call, timelines: Sequence[Timeline], *, only: str, is_whole: bool
) -> list[Timeline]:
    """Return the timeline that ``only`` names, if it is none of ``timelines``; else none."""
    counter_id, channel = _pair_of(only)
    if any(one.key == only for one in timelines) or channel not in Channel.values:
        return []
    counter = next(iter(_counters(call, {counter_id})), None)
    verdicts = explain_call(call.pk, is_whole=is_whole, counter_ids=[counter_id])
    if counter is None or (counter_id, channel) not in verdicts:
        return []
    actions = _actions(call, counter)
    return [_timeline(call, counter, channel, verdicts[counter_id, channel], actions)]


def _code(call: Call, channel: int) -> str:
    """Return why a row would be of no use that routing has nothing against; else ""."""
    is_without_visit = call.kind == CallKind.STATIC and channel == Channel.GOAL
    return STATIC_NO_GOAL if is_without_visit else ""


def _came_before(call: Call) -> str | Promise:
    is_late = call.started_at <= timezone.now() - LINK_HORIZON
    return CAME_BEFORE if is_late else CAME_BEFORE_IN_TIME


def _counters(call: Call, ids: set[int]) -> list[Counter]:
    counters = Counter.objects.present().filter(cabinet_id=call.cabinet_id, pk__in=ids)
    return list(counters.select_related("goal", "callback_goal").order_by("name", "pk"))


def _link(counter: Counter, channels: Sequence[int]) -> OtherLink:
    channel = channels[0]
    is_whole = len(channels) == len(Channel)
    name = counter.name if is_whole else f"{counter.name} · {channel_text(counter, channel)}"
    return OtherLink(f"{counter.pk}.{channel}", name)


def _group(reason: str, links: list[OtherLink]) -> OtherGroup:
    return OtherGroup(reason, len({one.key.partition(".")[0] for one in links}), links)


def _pair_of(key: str) -> tuple[int, int]:
    """Return counter and channel of a key of `Timeline`; (0, 0) for any other text."""
    counter, _dot, channel = key.partition(".")
    is_key = counter.isdecimal() and channel.isdecimal() and len(counter) < 19 > len(channel)
    return (int(counter), int(channel)) if is_key else (0, 0)


def _actions(call: Call, counter: Counter) -> list[Button]:
    """Return the button of the order, if an order would send the call."""
    can_go = preview_sending(counter, [call.pk], now=timezone.now()).sent
    return [send_button(call.pk, counter.pk)] if can_go else []


def _timeline(
    call: Call,
    counter: Counter,
    channel: int,
    verdicts: Sequence[Verdict],
    actions: list[Button],
) -> Timeline:
    telling = {rule.code for rule in ROUTING_RULES} | {STATIC_NO_GOAL}
    refused = [str(one.text) for one in verdicts if not one.passed and one.code in telling]
    text = "" if refused else str(_came_before(call))
    return Timeline(
        counter=counter,
        channel=channel,
        channel_text=channel_text(counter, channel),
        state_text=str(NOT_CONCERNED),
        state_tone="neutral",
        upload_id=None,
        changed_text="",
        is_sent=False,
        reason_text=next(iter(refused), text),
        same_second_text="",
        steps=[
            received_step(call, way_of(call)),
            Step(
                str(NOT_CONCERNED),
                "neutral",
                text=text,
                rules=rule_lines(verdicts),
                is_state=True,
                is_timeless=True,
            ),
        ],
        has_row=False,
        actions=actions,
    )
