"""Judges the difference between a report and the ledger, and names its likely causes.

Which calls a report must have is known only within bounds: at the least the rows that Metrika said
to have linked a day before the report was read, at the most all that it has. A number outside the
bounds is a difference. The causes are candidates: which of them it was, Metrika does not tell, so
each has the most that it can account for, and together they may account for more than is missing.

The number of calls is `ym:s:offlineCalls` by day. Whether it has static and unlinked calls is not
documented. It belongs to the set of visits, which such calls have none of (reference 7.1;
https://yandex.com/dev/metrika/en/stat/metrics/visits/offline_calls); a file of static calls only
is "nevertheless in the reports", not said in which (reference 3.3;
https://yandex.com/dev/metrika/ru/faq). So the bounds allow both, and these two causes are offered
until the numbers themselves rule them out.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from calls.reconciliation.own_side import OwnDay
from calls.states import Channel

#: A difference of a period is told to people from so many calls on …
SMALLEST = 5
#: … that are such a part of what was sent. Metrika counts a call on the day of its visit, which
#: may lie before the period, so a few calls of a large period differ although nothing is wrong.
SHARE = 0.05


class Cause(StrEnum):
    """A possible cause of a difference."""

    #: Sent less than a day before the report was read, or after it.
    RECENT = "recent"
    #: Static calls are linked to no visit; a report of visits may leave them out.
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
    #: The report may count a call on the day of its visit, outside of the days compared.
    DAY_OF_VISIT = "day_of_visit"
    #: Metrika has not told yet how many of the rows it accepts.
    PENDING = "pending"
    #: A file has calls of several days: how many of each it accepted, Metrika does not tell.
    SPANS = "spans"


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

    @property
    def may_agree(self) -> bool:
        """Whether the report's number is one of those that the accepted rows can be."""
        return self.difference_low <= 0 <= self.difference_high

    @property
    def gap(self) -> int:
        """The difference at the most, without its sign."""
        return max(-self.difference_low, self.difference_high)

    @property
    def is_explicable(self) -> bool:
        """Whether the causes can account for the whole difference."""
        return not self.unexplained and sum(count for _cause, count in self.causes) >= self.gap

    def within(self, days: Iterable[Verdict | None]) -> Verdict:
        """Return the verdict of a period with causes that account for no more than on its days."""
        most: Tally[Cause] = Tally()
        for day in days:
            most.update(dict(day.causes) if day else {})
        causes = ((cause, min(count, most[cause])) for cause, count in self.causes)
        return replace(self, causes=tuple(one for one in causes if one[1]))

    @property
    def overlaps(self) -> bool:
        """Whether the causes together account for more than the difference."""
        counts = [count for _cause, count in self.causes]
        return len(counts) > 1 and sum(counts) > self.gap


def judge(own: OwnDay, reported: int, channel: Channel, counted: Collection[Cause] = ()) -> Verdict:
    """Compare what the report says of a day, or of a period, with our side.

    ``counted``: see `counted_in`; what the report is known to have is no cause of missing calls.
    """
    low, high = bounds_of(own, channel)
    unexplained = min(0, reported - low)
    if high is not None and reported > high:
        unexplained = reported - high
    least, most = reported - own.accepted_high, reported - own.accepted_low
    causes = _causes(own, (least, most), unexplained, channel, counted)
    return Verdict(least, most, unexplained, tuple(causes))


def counted_in(own: OwnDay, reported: int, channel: Channel) -> tuple[Cause, ...]:
    """Return of static and unlinked calls those that the report of a period evidently has.

    It has more calls than were accepted without them. Empty for goals: only visits reach these; and
    when it has more than all of ours, so that calls of others may stand for them.
    """
    others = own.repeats + own.doubled + own.pending + own.accepted_high
    if channel == Channel.GOAL or reported > others:
        return ()
    refused = max(0, own.sent - own.pending - own.accepted_high)
    unlinked = own.accepted_low - own.static - own.linked_high
    certain = (Cause.STATIC, own.static - refused), (Cause.UNLINKED, unlinked)
    return tuple(cause for cause, count in certain if count > 0 and reported > others - count)


def _causes(
    own: OwnDay,
    difference: tuple[int, int],
    unexplained: int,
    channel: Channel,
    counted: Collection[Cause],
) -> list[tuple[Cause, int]]:
    """Return the possible causes, the likeliest first, each with the most it can account for."""
    least, most = difference
    if least <= 0 <= most and not unexplained:
        return [(Cause.SPANS, most - least)] if least < most else []
    if most > 0:
        return _too_many(own, most, unexplained, channel)
    return _too_few(own, -least, unexplained, counted)


def bounds_of(own: OwnDay, channel: Channel) -> tuple[int, int | None]:
    """Return how many the report must and may have; None: no upper bound, as for goals."""
    low = max(0, own.due_low - own.merged)
    if channel == Channel.GOAL:
        return low, None
    return low, own.sent + own.repeats + own.doubled


def is_notable(unexplained: int, sent: int) -> bool:
    """Whether a difference of a period is told to people."""
    return abs(unexplained) >= max(SMALLEST, SHARE * sent)


def _too_few(
    own: OwnDay, missing: int, unexplained: int, counted: Collection[Cause]
) -> list[tuple[Cause, int]]:
    """Return why the report may have fewer.

    If it evidently has the calls without a visit, what no other cause covers is on another day.
    """
    unlinked = own.accepted_high - own.static - own.linked_low
    visitless = ((Cause.STATIC, own.static), (Cause.UNLINKED, unlinked))
    possible = [(cause, count) for cause, count in visitless if cause not in counted]
    possible += [(Cause.RECENT, own.recent), (Cause.SAME_SECOND, own.merged)]
    covered = sum(count for _cause, count in possible if count > 0)
    elsewhere = max(-unexplained, missing - covered if counted else 0)
    possible.append((Cause.DAY_OF_VISIT, elsewhere))
    return [(cause, min(count, missing)) for cause, count in possible if count > 0]


def _too_many(
    own: OwnDay, surplus: int, unexplained: int, channel: Channel
) -> list[tuple[Cause, int]]:
    """Return why the report may have more."""
    counts = (
        (Cause.PENDING, own.pending),
        (Cause.REPEATS, own.repeats),
        (Cause.DOUBLED, own.doubled),
        (Cause.SPANS, own.accepted_high - own.accepted_low),
        (Cause.SITE, surplus if channel == Channel.GOAL else 0),
        (Cause.DAY_OF_VISIT, unexplained),
        (Cause.SOMEBODY_ELSE, unexplained),
    )
    return [(cause, min(count, surplus)) for cause, count in counts if count > 0]
