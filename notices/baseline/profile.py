"""What is usual: the expected count of each hour of the week, and how much counts scatter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean, median

SLOTS = 168
HOURS_OF_DAY = 24
#: Weeks of history that are read, and the days below which nothing is judged.
WEEKS = 6
MIN_DAYS = 14
#: A holiday week moves the level of the coming days no further than this.
LEVELS = (0.75, 1.5)
#: Hours that are taken together when the scatter is measured, and the smallest expectation of them.
BLOCK_HOURS, BLOCK_MIN = 3, 5.0
MIN_BLOCKS = 3
DISPERSIONS = (1.0, 6.0)
#: Bounds of the scatter of whole days, as a part of what is expected.
DAY_SCATTERS = (0.07, 0.5)
#: Between these of the normal distribution are four of five values.
USUAL_DEVIATIONS = 1.28
#: The level of the coming day is known less well than days scatter: the variance, as a multiple.
LEVEL_ERROR = 1.22
#: How well an hour of the week is known, as a part of what is expected; and what has to be expected
#: earlier on a day to say something of its level.
SLOT_ERROR, LEAST_EARLIER = 0.045, 1.0
#: The median absolute deviation of a normal variable, as a part of its standard deviation.
MAD = 0.6745
#: Six values of an hour are few: it is taken together with the same hour of similar days. Its own
#: have at most the first weight, and half of that in an hour with so many calls as the second.
SIMILAR_DAYS = (range(5), range(5, 7))
OWN_WEIGHT, OWN_HALF = 0.45, 30.0


def usual_range(expected: float, variance: float) -> tuple[float, float]:
    """Return between which numbers four of five counts are."""
    reach = USUAL_DEVIATIONS * sqrt(variance)
    return max(0.0, expected - reach), expected + reach


@dataclass(frozen=True)
class Profile:
    """The expected count of each hour of the week, Monday 0:00 first, in the cabinet's zone.

    ``dispersion`` is the variance of a count as a multiple of its expectation (1: Poisson);
    ``day_scatter`` the standard deviation of a day's level as a part of it.
    """

    rates: tuple[float, ...]
    dispersion: float
    day_scatter: float

    def variance(self, expected: float) -> float:
        """Return the variance of a count of which ``expected`` is expected."""
        return self.dispersion * expected + (self.day_scatter * expected) ** 2

    def prediction(
        self, expected: float, length: float, earlier: tuple[int, float]
    ) -> tuple[float, float]:
        """Return the mean of a count at the level of today, and its variance beyond that of hours.

        ``earlier``: what came, and was expected, in the hours of this day before those that are
        judged. The more it is, the more today's level counts, and the less the scatter of days.
        """
        observed, usual = earlier
        spread = LEVEL_ERROR * self.day_scatter**2
        level = 1.0
        if usual >= LEAST_EARLIER:
            weight = spread / (spread + self.dispersion / usual)
            level += weight * (observed / usual - 1)
            spread *= 1 - weight
        return level * expected, (spread + SLOT_ERROR**2 / max(1.0, length)) * expected**2


def profile_of(slots: Sequence[int], counts: Sequence[int]) -> Profile | None:
    """Return the profile of consecutive hours, the oldest first; None without enough history.

    ``slots``: the hour of the week of each hour. Hours before the first call are no history.
    """
    first = next((place for place, count in enumerate(counts) if count), len(counts))
    slots, counts = slots[first:], counts[first:]
    if len(counts) < MIN_DAYS * HOURS_OF_DAY:
        return None
    rates = _pooled(_usual(slots, counts))
    ratios = _day_ratios(slots, counts, rates)
    level = _clipped(median(ratios[-7:]), LEVELS) if ratios else 1.0
    rates = [rate * level for rate in rates]
    dispersion = _dispersion(slots, counts, rates)
    scatter = _day_scatter(ratios, sum(rates) / 7, dispersion)
    return Profile(tuple(rates), dispersion, scatter)


def _usual(slots: Sequence[int], counts: Sequence[int]) -> list[float]:
    """Return a mean of each slot's weeks that one very low and one very high week do not move."""
    of_slot: list[list[int]] = [[] for _slot in range(SLOTS)]
    for slot, count in zip(slots, counts, strict=True):
        of_slot[slot].append(count)
    return [_trimmed(sorted(values)) for values in of_slot]


def _trimmed(values: list[int]) -> float:
    if len(values) >= 4:
        return fmean(values[1:-1])
    return float(median(values)) if values else 0.0


def _pooled(rates: list[float]) -> list[float]:
    """Return the rates drawn towards the course of similar days, at the level of their own day.

    Hours beside it are no help: where a day begins and ends, they differ most.
    """
    totals = [sum(rates[_of_day(day)]) for day in range(7)]
    found = list(rates)
    for days in SIMILAR_DAYS:
        of_all = sum(totals[day] for day in days)
        for hour in range(HOURS_OF_DAY if of_all else 0):
            part = sum(rates[day * HOURS_OF_DAY + hour] for day in days) / of_all
            for day in days:
                slot = day * HOURS_OF_DAY + hour
                own = OWN_WEIGHT * rates[slot] / (rates[slot] + OWN_HALF)
                found[slot] = own * rates[slot] + (1 - own) * part * totals[day]
    return found


def _of_day(day: int) -> slice:
    return slice(day * HOURS_OF_DAY, (day + 1) * HOURS_OF_DAY)


def _day_ratios(slots: Sequence[int], counts: Sequence[int], rates: list[float]) -> list[float]:
    """Return what came as a part of what was expected, for each 24 hours back from the end."""
    found = []
    for end in range(len(counts), HOURS_OF_DAY - 1, -HOURS_OF_DAY):
        day = range(end - HOURS_OF_DAY, end)
        expected = sum(rates[slots[place]] for place in day)
        if expected >= 1:
            found.append(sum(counts[place] for place in day) / expected)
    return found[::-1]


def _dispersion(slots: Sequence[int], counts: Sequence[int], rates: list[float]) -> float:
    """Return the scatter within days, the median of the days': an outage does not widen it."""
    days = range(0, len(counts) - HOURS_OF_DAY + 1, HOURS_OF_DAY)
    found = [_of_day_scatter(slots, counts, rates, start) for start in days]
    known = [one for one in found if one is not None]
    return _clipped(median(known), DISPERSIONS) if known else 1.5


def _of_day_scatter(
    slots: Sequence[int], counts: Sequence[int], rates: list[float], start: int
) -> float | None:
    """Return the scatter of one day's blocks around its own level; None with too few calls."""
    blocks = []
    for first in range(start, start + HOURS_OF_DAY, BLOCK_HOURS):
        block = range(first, first + BLOCK_HOURS)
        expected = sum(rates[slots[place]] for place in block)
        blocks.append((sum(counts[place] for place in block), expected))
    known = [block for block in blocks if block[1] >= BLOCK_MIN]
    observed, expected = sum(one[0] for one in known), sum(one[1] for one in known)
    if len(known) < MIN_BLOCKS or not observed:
        return None
    level = observed / expected
    squares = sum((count - level * usual) ** 2 / (level * usual) for count, usual in known)
    freedom = len(known) - 1
    # The median of a chi-squared variable is below its mean (Wilson and Hilferty).
    return squares / freedom / (1 - 2 / (9 * freedom)) ** 3


def _day_scatter(ratios: list[float], of_day: float, dispersion: float) -> float:
    """Return the scatter of whole days beyond what the scatter of their calls explains."""
    if not ratios or of_day <= 0:
        return DAY_SCATTERS[0]
    middle = median(ratios)
    deviation = median(abs(ratio - middle) for ratio in ratios) / MAD
    return _clipped(sqrt(max(0.0, deviation**2 - dispersion / of_day)), DAY_SCATTERS)


def _clipped(value: float, bounds: tuple[float, float]) -> float:
    return min(max(value, bounds[0]), bounds[1])
