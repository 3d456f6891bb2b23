"""Which deliveries of a call are in its timeline: an agency has 74 counters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from calls.pages.timeline import Timeline
from calls.pages.timeline_events import Event, events_of
from calls.pages.timeline_step import Step

#: More deliveries that were in a file than this are lines with a link to the timeline of each.
MAX_WHOLE = 6
#: More chips than this are folded.
MAX_CHIPS = 12


@dataclass(frozen=True)
class Chip:
    """A filter of the timeline by counter."""

    key: str
    name: str
    is_chosen: bool


@dataclass(frozen=True)
class Layout:
    """The parts of the page, in their order."""

    #: The deliveries of the timeline.
    whole: list[Timeline]
    events: list[Event] = field(default_factory=list)
    #: Further ones that were in a file.
    lines: list[Timeline] = field(default_factory=list)
    chips: list[Chip] = field(default_factory=list)
    #: Whether the person chose a part of several.
    is_one_of_many: bool = False

    @property
    def has_many_chips(self) -> bool:
        """Whether the filter is folded, because it would hide the timeline."""
        return len(self.chips) > MAX_CHIPS

    @property
    def single(self) -> Timeline | None:
        """The only delivery that is shown, which the heading names."""
        return self.whole[0] if len(self.whole) == 1 else None


def layout_of(timelines: Sequence[Timeline], *, only: str, steps: Sequence[Step] = ()) -> Layout:
    """Return the layout; ``steps`` are those of a call without a delivery.

    ``only`` is the key of one delivery, or the number of a counter for all of its deliveries; any
    other text is ignored.
    """
    chosen = [one for one in timelines if only in (one.key, str(one.counter.pk))]
    chips = _chips([one for one in timelines if one.has_row], chosen)
    if chosen:
        is_one = len(timelines) > len(chosen) or not chosen[0].has_row
        return Layout(chosen, events_of(chosen), chips=chips, is_one_of_many=is_one)
    sent = [one for one in timelines if one.upload_id is not None]
    lines = sent[MAX_WHOLE:]
    further = {one.key for one in lines}
    whole = [one for one in timelines if one.key not in further]
    return Layout(whole, events_of(whole) or [Event(one) for one in steps], lines, chips)


def _chips(timelines: Sequence[Timeline], chosen: Sequence[Timeline]) -> list[Chip]:
    """Return a chip for each counter, if there are several."""
    names = {one.counter.pk: one.counter.name for one in timelines}
    if len(names) < 2:
        return []
    shown = {one.counter.pk for one in chosen}
    return [Chip(str(pk), name, pk in shown) for pk, name in names.items()]
