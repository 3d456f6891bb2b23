"""Judges the difference between a report and the ledger, and names its likely causes.

Which calls a report must have is known only within bounds: at the least the rows that Metrika said
to have linked a day before the report was read, at the most all that it has. A number within the
bounds has an explanation, and the causes say which; one outside them is a difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from calls.reconciliation.own_side import OwnDay
from calls.states import Channel

#: A difference of a period is told to people from so many calls on …
SMALLEST = 5
#: … that are such a part of what was sent. Metrika counts a call on the day of its visit, which
#: may lie before the period, so a few calls of a large period differ although nothing is wrong.
SHARE = 0.05


class Cause(StrEnum):
    """A likely cause of a difference."""

    #: Sent less than a day before the report was read, or after it.
    RECENT = "recent"
    #: Static calls are linked to no visit, and two of three reports leave them out.
    STATIC = "static"
    #: No visit was found for these calls.
    UNLINKED = "unlinked"
    #: Two calls of one visitor in a second are one reach of a goal.
    SAME_SECOND = "same_second"
    #: People ordered calls to be sent again.
    REPEATS = "repeats"
    #: Files that Metrika has twice.
    DOUBLED = "doubled"
    #: A goal is reached on the site as well.
    SITE = "site"
    #: More than we sent: somebody else sends calls to the counter.
    SOMEBODY_ELSE = "somebody_else"
    #: Fewer than Metrika said to have linked: the report counts on the day of the visit.
    DAY_OF_VISIT = "day_of_visit"


@dataclass(frozen=True)
class Verdict:
    """``difference``: report less accepted rows, at the least and at the most.

    ``unexplained``: by how much the report is below (negative) or above the bounds.
    """

    difference_low: int
    difference_high: int
    unexplained: int
    causes: tuple[tuple[Cause, int], ...]

    @property
    def agrees(self) -> bool:
        """Whether the report has exactly the accepted rows."""
        return self.difference_low == self.difference_high == 0


def judge(own: OwnDay, reported: int, channel: Channel) -> Verdict:
    """Compare what the report says of a day, or of a period, with our side."""
    low, high = bounds_of(own, channel)
    unexplained = min(0, reported - low)
    if high is not None and reported > high:
        unexplained = reported - high
    verdict = Verdict(reported - own.accepted_high, reported - own.accepted_low, unexplained, ())
    if verdict.agrees:
        return verdict
    causes = _too_few(own, -verdict.difference_low) if verdict.difference_low < 0 else []
    if verdict.difference_high > 0:
        causes += _too_many(own, unexplained, channel)
    if unexplained < 0:
        causes.append((Cause.DAY_OF_VISIT, -unexplained))
    return Verdict(verdict.difference_low, verdict.difference_high, unexplained, tuple(causes))


def bounds_of(own: OwnDay, channel: Channel) -> tuple[int, int | None]:
    """Return how many the report must and may have; None: no upper bound, as for goals."""
    low = max(0, own.due_low - own.merged)
    if channel == Channel.GOAL:
        return low, None
    return low, own.sent + own.repeats + own.doubled


def is_notable(unexplained: int, sent: int) -> bool:
    """Whether a difference of a period is told to people."""
    return abs(unexplained) >= max(SMALLEST, SHARE * sent)


def _too_few(own: OwnDay, missing: int) -> list[tuple[Cause, int]]:
    """Return why the report may have fewer; each count is at most what is missing."""
    unlinked = own.accepted_high - own.static - own.linked_low
    counts = (
        (Cause.RECENT, own.recent),
        (Cause.STATIC, own.static),
        (Cause.UNLINKED, unlinked),
        (Cause.SAME_SECOND, own.merged),
    )
    return [(cause, min(count, missing)) for cause, count in counts if count > 0]


def _too_many(own: OwnDay, unexplained: int, channel: Channel) -> list[tuple[Cause, int]]:
    """Return why the report may have more."""
    counts = [
        (Cause.RECENT, own.sent - own.accepted_low),
        (Cause.REPEATS, own.repeats),
        (Cause.DOUBLED, own.doubled),
        (Cause.SITE, int(channel == Channel.GOAL)),
        (Cause.SOMEBODY_ELSE, unexplained),
    ]
    return [(cause, count) for cause, count in counts if count > 0]
