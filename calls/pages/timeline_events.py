"""The one timeline of a call: the steps of its deliveries in the order of time, each told once.

A step that is the same for several deliveries is one event that names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from calls.pages.buttons import Button
from calls.pages.timeline import Timeline
from calls.pages.timeline_step import RuleLine, Step

#: More deliveries of one event than this are links, each to its own timeline.
MAX_NAMED = 6

_Key = tuple[object, ...]


@dataclass(frozen=True)
class Target:
    """A delivery that an event is about."""

    timeline: Timeline
    step: Step
    #: What can be done with it, without what stands at another delivery of the event.
    actions: list[Button] = field(default_factory=list)

    @property
    def is_detailed(self) -> bool:
        """Whether there is more to show of it than its name."""
        return self.step.is_state or bool(self.step.rules)


@dataclass(frozen=True)
class Event:
    """One item of the timeline."""

    step: Step
    targets: list[Target] = field(default_factory=list)

    @property
    def refused(self) -> list[RuleLine]:
        """The rules that refused: the same for all of its deliveries."""
        return [rule for rule in self.step.rules if not rule.ok]

    @property
    def named(self) -> list[Target]:
        """The deliveries of which there is nothing but the name."""
        return [one for one in self.targets if not one.is_detailed]

    @property
    def is_grouped(self) -> bool:
        """Whether it is of too many deliveries to show the rules of each."""
        return len(self.targets) > MAX_NAMED


def events_of(timelines: Sequence[Timeline]) -> list[Event]:
    """Return the events of these deliveries, from the first to what is expected."""
    events: dict[_Key, Event] = {}
    for timeline in timelines:
        for step in timeline.steps:
            event = events.setdefault(_key_of(timeline, step), Event(step))
            if not step.is_of_call:
                actions = _new_actions(event, timeline) if step.is_state else []
                event.targets.append(Target(timeline, step, actions))
    return _in_order(_without_repeats(events.values()))


def _without_repeats(events: Iterable[Event]) -> list[Event]:
    """Leave out that the call changed where it is told what this means for a delivery."""
    found = list(events)
    is_told = any(one.step.is_revision and one.targets for one in found)
    return [one for one in found if one.targets or not (is_told and one.step.is_revision)]


def _new_actions(event: Event, timeline: Timeline) -> list[Button]:
    """Return the actions without those that stand at the other channel of the counter."""
    known = {one.url for target in event.targets for one in target.actions}
    return [one for one in timeline.actions if one.url not in known]


def _key_of(timeline: Timeline, step: Step) -> _Key:
    # Files of two channels have different attempts that look the same.
    file = timeline.upload_id if step.attempt else None
    refused = tuple(rule.text for rule in step.rules if not rule.ok)
    # Times are shown to the minute: what is the same within one is one event.
    minute = step.at.replace(second=0, microsecond=0) if step.at else None
    return (minute, step.title, step.text, step.is_next, file, refused)


def _in_order(events: Iterable[Event]) -> list[Event]:
    """Sort by time; what has none is known to be the end of its delivery, before what is next."""
    past = [one for one in events if not one.step.is_next]
    # Of the same moment in the order of the steps.
    timed = sorted((at, place) for place, one in enumerate(past) if (at := one.step.at))
    untimed = [one for one in past if not one.step.at]
    coming = [one for one in events if one.step.is_next]
    return [*(past[place] for _at, place in timed), *untimed, *coming]
