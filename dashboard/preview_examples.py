"""Calls that an edited form would begin or cease to send, as examples of the preview."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from calls.decision.draft import compared_with
from calls.models import Call
from calls.phones import shown_phone
from calls.queries.settings_preview import Outcome, Preview
from calls.states import Channel
from counters.models import Counter

#: So many calls of each kind.
MOST = 2


@dataclass(frozen=True)
class Example:
    """A call; whether it would go with the draft, and why it does not with the other settings."""

    url: str
    started_at: datetime
    phone: str
    goes: bool
    reason: str


def examples_of(preview: Preview, draft: Counter, saved: Counter) -> Sequence[Example]:
    """Return examples of the calls that change, those that begin to go first."""
    outcomes = preview.examples(MOST)
    calls = Call.objects.filter(cabinet=saved.cabinet_id).defer("raw", "page_url")
    by_id = calls.in_bulk([outcome.latest for outcome in outcomes]) if outcomes else {}
    return [
        _example(by_id[outcome.latest], outcome, saved if outcome.goes else draft)
        for outcome in outcomes
        if outcome.latest in by_id
    ]


def _example(call: Call, outcome: Outcome, refusing: Counter) -> Example:
    return Example(
        url=reverse("calls:journey", args=[call.pk]),
        started_at=call.started_at,
        phone=shown_phone(call.phone, call.phone_text, is_whole=True),
        goes=outcome.goes,
        reason=_reason(outcome, refusing),
    )


def _reason(outcome: Outcome, refusing: Counter) -> str:
    """Return why the call does not go by the settings that refuse it, over the first channel."""
    rules = outcome.before if outcome.goes else outcome.after
    in_use = (Channel.CALLS,) if refusing.send_calls else (Channel.GOAL,)
    channel, rule = next(
        (channel, rule)
        for channel, rule in zip(Channel, rules, strict=True)
        if rule is not None and channel in in_use
    )
    return rule.text(compared_with(rule, refusing, channel, outcome.latest))
