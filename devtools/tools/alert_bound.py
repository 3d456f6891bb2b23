"""The best that any detector can do about a drop by half: a test that knows the true rates.

It knows what the alerts have to estimate: the mean of each ten minutes (the course of the week and
the growth, without error), how much days and hours scatter, and that a trouble is a drop by half.
It does not know the scatter of this day and hour, nor when a trouble begins. Its statistic is the
likelihood ratio summed over the possible beginnings within the last two hours, which among all
rules with as many false alarms tells the most troubles within that time (T. Bojdecki, 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import exp, log

from devtools.tools.alert_world import (
    DAY_SCATTER,
    HISTORY_DAYS,
    HOUR_SCATTER,
    PARTS,
    PARTS_OF_DAY,
    SimulatedCounter,
)
from notices.baseline.tail import log_likelihood

#: The trouble, what is left of the calls, and within how many parts of an hour it has to be told.
KIND, LEFT, WITHIN = "50 %", 0.5, 2 * PARTS
#: A window with more than this part of its mean says nothing of a drop by half.
TOO_MUCH = 0.75
#: The evidence of hours that say nothing, and the most of one beginning (against overflow).
NONE, MOST = -9.0, 50.0
#: Less evidence than this is no alarm, and an episode of more is one.
LEAST = 3.0


def evidence(counter: SimulatedCounter, grace: int) -> list[float]:
    """Return the logarithm of the statistic at each part of an hour of the simulated days."""
    calls = list(accumulate(counter.calls, initial=0))
    means = [mean for mean in counter.means for _part in range(PARTS)]
    sums = list(accumulate(means, initial=0.0))
    begin = HISTORY_DAYS * PARTS_OF_DAY
    return [_at(now - grace, calls, means, sums) for now in range(begin, len(counter.calls))]


def _at(until: int, calls: Sequence[int], means: Sequence[float], sums: Sequence[float]) -> float:
    day = (until - 1) // PARTS_OF_DAY * PARTS_OF_DAY
    total = 0.0
    for begin in range(until - 1, until - 1 - WITHIN, -1):
        observed, mean = calls[until] - calls[begin], sums[until] - sums[begin]
        level, spread = _level(calls, sums, day, begin)
        expected = level * mean
        if expected <= 0 or observed > TOO_MUCH * expected:
            continue
        of_hours = sum(one**2 for one in _means_of_hours(means, begin, until))
        extra = of_hours * (level * HOUR_SCATTER) ** 2 + spread * mean**2
        usual = log_likelihood(observed, expected, expected + extra)
        left = LEFT * expected
        total += exp(min(log_likelihood(observed, left, left + LEFT**2 * extra) - usual, MOST))
    return log(total) if total > 0 else NONE


def _means_of_hours(means: Sequence[float], begin: int, end: int) -> Iterator[float]:
    """Yield the mean of each hour, or of what is in the window of it: its scatter is one."""
    while begin < end:
        until = min(end, (begin // PARTS + 1) * PARTS)
        yield (until - begin) * means[begin]
        begin = until


def _level(
    calls: Sequence[int], sums: Sequence[float], day: int, until: int
) -> tuple[float, float]:
    """Return the level of the day by the hours before, and its variance."""
    spread = DAY_SCATTER**2
    mean = sums[until] - sums[day] if until > day else 0.0
    if mean < 1:
        return 1.0, spread
    of_ratio = 1 / mean + HOUR_SCATTER**2 / max(1.0, (until - day) / PARTS)
    weight = spread / (spread + of_ratio)
    return 1 + weight * ((calls[until] - calls[day]) / mean - 1), spread * (1 - weight)
