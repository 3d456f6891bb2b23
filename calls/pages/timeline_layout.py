"""Which timelines of a call are shown whole, and which as a line: an agency has 74 counters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from calls.pages.timeline import Timeline

#: More timelines of one sort than this are lines with a link to the whole one.
MAX_WHOLE = 6


@dataclass(frozen=True)
class Group:
    """Deliveries that are not sent, all for the same reason."""

    state_text: str
    reason_text: str
    timelines: list[Timeline]

    @property
    def counters(self) -> int:
        """How many counters they are of; each may have two channels."""
        return len({one.counter.pk for one in self.timelines})


@dataclass(frozen=True)
class Layout:
    """The parts of the page, in their order."""

    whole: list[Timeline]
    #: Further ones that were, are or may be sent.
    lines: list[Timeline] = field(default_factory=list)
    #: Not sent: each can be unfolded in its place.
    briefs: list[Timeline] = field(default_factory=list)
    #: Not sent and too many for that.
    groups: list[Group] = field(default_factory=list)
    #: Whether the person chose one of several.
    is_one_of_many: bool = False

    @property
    def briefs_title(self) -> str:
        """The heading of what is not sent: the states that occur."""
        states = [one.state_text for one in self.briefs]
        return ", ".join(dict.fromkeys([*states, *(one.state_text for one in self.groups)]))


def layout_of(timelines: Sequence[Timeline], *, only: str) -> Layout:
    """Return the layout; ``only`` is the key of the one timeline to show, others are ignored."""
    chosen = [one for one in timelines if one.key == only]
    if chosen:
        return Layout(chosen, is_one_of_many=len(timelines) > 1 or not chosen[0].has_row)
    long = [one for one in timelines if not one.is_brief]
    briefs = [one for one in timelines if one.is_brief]
    are_few = len(briefs) <= MAX_WHOLE
    return Layout(
        long[:MAX_WHOLE],
        long[MAX_WHOLE:],
        briefs if are_few else [],
        [] if are_few else _groups(briefs),
    )


def _groups(briefs: Sequence[Timeline]) -> list[Group]:
    by_reason: dict[tuple[str, str], list[Timeline]] = defaultdict(list)
    for one in briefs:
        by_reason[one.state_text, one.reason_text].append(one)
    return [Group(*reason, timelines) for reason, timelines in by_reason.items()]
