"""What would become of a counter's calls of the last days with settings that are not saved yet.

The rules are those that decide, over the same calls; only the counter is replaced by the draft.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import OperationalError, connection, transaction

from calls.decision.attempts import PLACE
from calls.decision.draft import Judging, judged_calls, judging
from calls.decision.reason import Rule
from calls.decision.routing import ROUTING_RULES
from calls.decision.rules import RULES
from calls.decision.value_rules import first_match, parameters
from calls.models import UnknownFile
from calls.states import (
    BEFORE_CONNECTION,
    COUNTER_OFF,
    KEPT_AS_SENT,
    MAYBE_SENT,
    NOT_CONFIGURED,
    NOT_LAST_ATTEMPT,
    Channel,
)
from counters.models import Counter

#: Days of the preview.
DAYS = 7
#: A preview that takes longer is given up: a person waits for it, and edits on.
LONGEST = "5s"
#: partition_at is the first known start of a call, and attempts of an order follow each other; what
#: begins earlier than the days of the preview by more than this is not looked at.
_BEFORE = timedelta(days=3)
#: A preview tells what the settings do: not since when the counter has been connected, nor whether
#: it is switched on.
NOT_OF_SETTINGS = (BEFORE_CONNECTION, NOT_CONFIGURED, COUNTER_OFF)

_OF_CABINET = "cabinet_id = %(cabinet)s AND partition_at >= %(before)s"
#: Attempts of callback orders that another one follows, in order of the index `call_by_attempt`.
_FOLLOWED = f"""SELECT id FROM (
    SELECT id, lead(id) OVER (PARTITION BY order_key
                              ORDER BY {PLACE.format("calls_call")}) AS later
    FROM calls_call
    WHERE {_OF_CABINET} AND started_at >= %(before)s AND order_key IS NOT NULL) AS attempts
    WHERE later IS NOT NULL"""
#: The rules of routing first, so that the reason of a call that does not concern the counter is one
#: of theirs. Whether an attempt that follows replaces the call is asked only where one follows.
_RULES = (
    *ROUTING_RULES,
    *(
        replace(rule, applies=f"({rule.applies}) AND c.id IN ({_FOLLOWED})")
        if rule.code == NOT_LAST_ATTEMPT
        else rule
        for rule in RULES
        if not rule.is_routing
    ),
)
_LAST_CALLS = f"""SELECT * FROM calls_call
    WHERE {_OF_CABINET} AND started_at >= %(since)s AND started_at <= %(now)s"""


class TooManyCalls(Exception):
    """The calls of the last days cannot be judged while a person waits."""


#: A price and its currency.
Worth = tuple[Decimal, str]


@dataclass(frozen=True)
class Outcome:
    """Calls with the same outcome: by channel the rule that refuses them, None where they go.

    ``before`` by the saved settings, ``after`` by the draft. ``latest`` is one of the calls.
    ``worth_before`` and ``worth``: the price and the currency of each call, None without a price.
    """

    before: Sequence[Rule | None]
    after: Sequence[Rule | None]
    worth_before: Worth | None
    worth: Worth | None
    count: int
    latest: int

    @property
    def went(self) -> bool:
        """Whether the calls go over a channel by the saved settings."""
        return None in self.before

    @property
    def goes(self) -> bool:
        """Whether they go over a channel by the draft."""
        return None in self.after


@dataclass
class Preview:
    """Calls of the last `DAYS` days by what the draft makes of them.

    ``total`` concern the counter, ``sent`` of them would go over at least one channel; ``unrouted``
    do not concern it. ``gained`` and ``lost``: calls that would begin or cease to go. Calls are
    counted by the reason of the first channel that is in use.
    """

    channels: Sequence[Channel]
    total: int = 0
    sent: int = 0
    sent_over: Tally[Channel] = field(default_factory=Tally)
    refused: dict[Channel, Tally[str]] = field(default_factory=lambda: defaultdict(Tally))
    unrouted: Tally[str] = field(default_factory=Tally)
    gained: int = 0
    lost: int = 0
    #: What the calls that go are worth, by currency; and so with the saved settings.
    worth: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    worth_before: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    #: Outcomes that differ from those of the saved settings.
    changed: list[Outcome] = field(default_factory=list)

    def examples(self, most: int) -> list[Outcome]:
        """Return up to ``most`` outcomes that begin and as many that cease to go, largest first."""
        ordered = sorted(self.changed, key=lambda outcome: -outcome.count)
        gained = [outcome for outcome in ordered if outcome.goes][:most]
        return gained + [outcome for outcome in ordered if not outcome.goes][:most]

    def add(self, outcome: Outcome) -> None:
        """Count the calls of one outcome."""
        in_use = [outcome.after[channel - 1] for channel in self.channels]
        unrouted = [rule for rule in in_use if rule is not None and rule.is_routing]
        if unrouted and len(unrouted) == len(in_use):
            self.unrouted[unrouted[0].code] += outcome.count
        else:
            self._add_routed(outcome)
        self._add_change(outcome)
        if outcome.goes and outcome.worth:
            self.worth[outcome.worth[1]] += outcome.count * outcome.worth[0]
        if outcome.went and outcome.worth_before:
            self.worth_before[outcome.worth_before[1]] += outcome.count * outcome.worth_before[0]

    def _add_routed(self, outcome: Outcome) -> None:
        self.total += outcome.count
        self.sent += outcome.count * outcome.goes
        for channel in self.channels:
            rule = outcome.after[channel - 1]
            if rule is None:
                self.sent_over[channel] += outcome.count
            else:
                self.refused[channel][rule.code] += outcome.count

    def _add_change(self, outcome: Outcome) -> None:
        if outcome.went == outcome.goes:
            return
        self.changed.append(outcome)
        self.gained += outcome.count * outcome.goes
        self.lost += outcome.count * outcome.went


def preview_of(draft: Counter, saved: Counter, *, now: datetime) -> Preview:
    """Return what ``draft`` makes of the last calls, against what ``saved`` makes of them today.

    Raises TooManyCalls.
    """
    draft, saved = _configured(draft, now), _configured(saved, now)
    preview = Preview([*_channels(draft)])
    for outcome in _outcomes(draft, saved, now):
        preview.add(outcome)
    return preview


def _configured(counter: Counter, now: datetime) -> Counter:
    """Return the counter as it is once its settings are saved."""
    one = copy(counter)
    one.configured_at = counter.configured_at or now
    return one


def _channels(counter: Counter) -> Iterator[Channel]:
    if counter.send_calls:
        yield Channel.CALLS
    if counter.goal is not None and counter.goal.identifier:
        yield Channel.GOAL


def _outcomes(draft: Counter, saved: Counter, now: datetime) -> Iterator[Outcome]:
    since = now - timedelta(days=DAYS)
    without = (*NOT_OF_SETTINGS, *rules_without_rows(saved))
    how = judging(draft, saved, rules=_RULES, without=without)
    values: dict[str, Any] = {
        "cabinet": saved.cabinet_id,
        "since": since,
        "before": since - _BEFORE,
        "now": now,
    }
    values |= parameters(draft.value_rules, "draft") | parameters(saved.value_rules, "saved")
    with transaction.atomic(), connection.cursor() as cursor:
        # Compiling the rules takes longer than judging the calls.
        cursor.execute(f"SET LOCAL jit = off; SET LOCAL statement_timeout = '{LONGEST}'")
        try:
            cursor.execute(_statement(how, draft, saved), {**values, **how.values})
        except OperationalError as problem:
            raise TooManyCalls from problem
        for key, value, value_before, count, latest in cursor.fetchall():
            places = how.places(key)
            yield Outcome(
                _rules(how, places, saved),
                _rules(how, places, draft),
                _worth(saved, value_before),
                _worth(draft, value),
                count,
                latest,
            )


def _statement(how: Judging, draft: Counter, saved: Counter) -> str:
    value = _value_place(draft, "draft")
    is_same = draft.value_rules == saved.value_rules
    before = "NULL::int" if is_same else _value_place(saved, "saved")
    # Of columns of a relation the planner expects few groups, and does not sort the calls.
    return f"""SELECT key, value, {"value" if is_same else "before"}, count(*), max(id)
        FROM (SELECT {how.key} AS key, {value} AS value, {before} AS before, c.id
              FROM {judged_calls(_LAST_CALLS)} AS c {how.joins} OFFSET 0) AS judged
        GROUP BY key, value, before"""


def _value_place(counter: Counter, prefix: str) -> str:
    return first_match(counter.value_rules, str, prefix, otherwise="NULL::int")


def _worth(counter: Counter, place: int | None) -> Worth | None:
    if place is not None:
        rule = counter.value_rules[place]
        return Decimal(rule["price"]), rule["currency"]
    return None if counter.price is None else (counter.price, counter.currency)


def _rules(how: Judging, places: Sequence[int | None], counter: Counter) -> list[Rule | None]:
    return [how.refusing(places, counter, channel) for channel in Channel]


def rules_without_rows(counter: Counter) -> Sequence[str]:
    """Return codes of rules about unknown files, when the counter has none: all calls pass."""
    has_files = UnknownFile.objects.filter(counter_id=counter.pk).exists()
    return () if has_files else (MAYBE_SENT, KEPT_AS_SENT)
