"""What share of the calls is usual in an hour of the week, such as that of skipped ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

from notices.baseline.profile import HOURS_OF_DAY, MIN_DAYS, SLOTS

#: An hour of the week is judged by its own share as far as it has more calls than this, else by
#: that of all hours.
WEIGHT_OF_ALL = 30.0
#: Calls below which a share is no history, and a day is not counted for the scatter.
MIN_CALLS = 100
DAY_MIN = 10
DAY_SCATTERS = (0.02, 0.2)
#: The median absolute deviation of a normal variable, as a part of its standard deviation.
MAD = 0.6745
#: No share counts as certain: nobody is told of one unlinked call where all were linked before.
SHARES = (0.01, 0.97)


@dataclass(frozen=True)
class ShareProfile:
    """The usual share of each hour of the week, and the scatter of days beyond chance."""

    shares: tuple[float, ...]
    #: The standard deviation of a day's share, in points, without that of the binomial.
    day_scatter: float

    def variance(self, binomial: float, whole: int) -> float:
        """Return the variance of the part of ``whole`` calls whose binomial variance is given."""
        return binomial + (self.day_scatter * whole) ** 2


def share_profile_of(
    slots: Sequence[int], parts: Sequence[int], wholes: Sequence[int]
) -> ShareProfile | None:
    """Return the usual shares of consecutive hours, oldest first; None without enough history."""
    first = next((place for place, whole in enumerate(wholes) if whole), len(wholes))
    slots, parts, wholes = slots[first:], parts[first:], wholes[first:]
    if len(wholes) < MIN_DAYS * HOURS_OF_DAY or sum(wholes) < MIN_CALLS:
        return None
    usual = _usual(parts, wholes)
    shares = _of_slots(slots, parts, wholes, usual)
    return ShareProfile(tuple(shares), _day_scatter(parts, wholes, usual))


def _usual(parts: Sequence[int], wholes: Sequence[int]) -> float:
    """Return the median share of the days with calls: a bad week does not move it."""
    days = [one[0] / one[1] for one in _days(parts, wholes)]
    return _clipped(median(days) if days else sum(parts) / sum(wholes), SHARES)


def _days(parts: Sequence[int], wholes: Sequence[int]) -> list[tuple[int, int]]:
    starts = range(0, len(wholes), HOURS_OF_DAY)
    days = [
        (sum(parts[at : at + HOURS_OF_DAY]), sum(wholes[at : at + HOURS_OF_DAY])) for at in starts
    ]
    return [day for day in days if day[1] >= DAY_MIN]


def _of_slots(
    slots: Sequence[int], parts: Sequence[int], wholes: Sequence[int], usual: float
) -> list[float]:
    sums, counts = [0] * SLOTS, [0] * SLOTS
    for slot, part, whole in zip(slots, parts, wholes, strict=True):
        sums[slot] += part
        counts[slot] += whole
    return [
        _clipped((part + WEIGHT_OF_ALL * usual) / (whole + WEIGHT_OF_ALL), SHARES)
        for part, whole in zip(sums, counts, strict=True)
    ]


def _day_scatter(parts: Sequence[int], wholes: Sequence[int], usual: float) -> float:
    days = _days(parts, wholes)
    if not days:
        return DAY_SCATTERS[0]
    deviation = median(abs(part / whole - usual) for part, whole in days) / MAD
    by_chance = usual * (1 - usual) / median(whole for _part, whole in days)
    return _clipped(sqrt(max(0.0, deviation**2 - by_chance)), DAY_SCATTERS)


def _clipped(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
