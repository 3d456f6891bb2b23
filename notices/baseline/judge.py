"""Whether the last hours are far from what is usual: a sequential test over growing windows.

The newest ten minutes are judged alone, then together with those before, and so on. Two questions
are asked of a count: is it unlikely as it is (silence, nearly all missing, quiet counters), and is
half of the usual flow a much better explanation of it than the whole (the last three hours).
`docs/alerts.md` says how long it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from math import log
from typing import NamedTuple

from notices.baseline.profile import HOURS_OF_DAY, Profile, usual_range
from notices.baseline.shares import ShareProfile
from notices.baseline.tail import log_likelihood, lower_tail, upper_tail

#: How unlikely a window has to be. By the simulation, as all bounds here: docs/alerts.md.
LOW_TAIL = 3e-5
SHARE_TAIL = 1e-5
#: The longest window, and the expectation after which longer ones are not looked at.
MAX_HOURS = 72
ENOUGH_EXPECTED = 400.0
#: A smaller drop is no alarm, however certain; and with fewer expected calls silence is none.
LOW_RATIO = 0.62
MIN_EXPECTED = 8.0
#: A drop by half: windows of so many hours, at most this part of what is usual.
HALF_HOURS, HALF_RATIO = 3.0, 0.72
#: So many times better half of the flow has to explain the count, for each call an hour beyond so
#: many: the more calls, the more windows are judged that tell nothing of each other. And the least.
TIMES_BETTER, FROM_CALLS, LEAST_BETTER = 60.0, 5.0, 200.0
#: It is low now: the newest hours in which so many were expected had less than this part of them.
STILL_RATIO, STILL_EXPECTED = 0.8, 6.0
#: It has ended: the newest hours in which so many were expected had more than this part of them.
OVER_RATIO, OVER_EXPECTED = 0.8, 30.0
#: A share has to differ by so many points, and by this factor.
SHARE_POINTS, SHARE_FACTOR = 0.12, 1.4
MIN_PARTS = 6
#: Calls by which a share is judged at most, by which it is high now, and by which it has ended.
ENOUGH_CALLS, NOW_CALLS, OVER_CALLS = 300, 10, 25
#: Sums of parts of an hour are not exact.
ROUNDING = 1e-6


class Hour(NamedTuple):
    """An hour or ten minutes of it, the newest first: hour of the week, counts, length in hours."""

    slot: int
    came: int
    #: Of a share: the whole of which ``came`` is a part.
    whole: int = 0
    part: float = 1.0


@dataclass(frozen=True)
class Finding:
    """The window that is far from usual, in hours. Of a share, ``whole`` calls are looked at."""

    length: float
    observed: int
    expected: float
    variance: float
    whole: int = 0


class _Window(NamedTuple):
    """The newest hours together, and what came before them today."""

    length: float
    observed: int
    expected: float
    earlier: tuple[int, float]


def judge_low(hours: Iterable[Hour], profile: Profile, *, is_open: bool) -> Finding | None:
    """Return the shortest window in which too few came, of silence the whole; None if all is well.

    ``hours``: the newest first. ``is_open``: it was told before; then the question is whether it
    still is so.
    """
    newest = _newest(hours)
    now = _low_now(newest, profile, is_open=is_open)
    if not now:
        return None
    windows = islice(_windows([*now, *newest], profile), len(now) - 1, None)
    for window in windows:
        if is_open or _is_low(window, profile) or _is_half(window, profile):
            length, observed, expected, _earlier = _whole_silence(window, windows)
            return Finding(length, observed, expected, profile.variance(expected))
        if window.expected >= ENOUGH_EXPECTED and window.length > HALF_HOURS:
            return None
    return None


def _whole_silence(window: _Window, longer: Iterator[_Window]) -> _Window:
    """Return the longest window without a call, if this one has none."""
    if not window.observed:
        for one in takewhile(lambda one: not one.observed, longer):
            window = one
    return window


def _low_now(newest: Iterator[Hour], profile: Profile, *, is_open: bool) -> list[Hour]:
    """Return the newest hours by which it is low now; empty if it is not, or cannot be known."""
    ratio, enough = (OVER_RATIO, OVER_EXPECTED) if is_open else (STILL_RATIO, STILL_EXPECTED)
    taken, observed, expected = [], 0, 0.0
    for hour in newest:
        taken.append(hour)
        observed += hour.came
        expected += profile.rates[hour.slot] * hour.part
        if expected >= enough:
            return taken if observed <= ratio * expected else []
    return []


def _newest(hours: Iterable[Hour]) -> Iterator[Hour]:
    length = 0.0
    for hour in hours:
        length += hour.part
        if length > MAX_HOURS + ROUNDING:
            return
        yield hour


def _windows(hours: Sequence[Hour], profile: Profile) -> Iterator[_Window]:
    usual = [profile.rates[hour.slot] * hour.part for hour in hours]
    of_today = _hours_of_today(hours)
    came_today = sum(hour.came for hour in hours[:of_today])
    usual_today = sum(usual[:of_today])
    length, observed, expected = 0.0, 0, 0.0
    for place, hour in enumerate(hours):
        length, observed, expected = (
            length + hour.part,
            observed + hour.came,
            expected + usual[place],
        )
        is_today = place < of_today
        earlier = (came_today - observed, usual_today - expected) if is_today else (0, 0.0)
        yield _Window(length, observed, expected, earlier)


def _hours_of_today(hours: Sequence[Hour]) -> int:
    """Return how many of the newest are of the day of the newest one."""
    days = [hour.slot // HOURS_OF_DAY for hour in hours]
    return next((place for place, day in enumerate(days) if day != days[0]), len(days))


def _is_low(window: _Window, profile: Profile) -> bool:
    observed, expected = window.observed, window.expected
    if expected < MIN_EXPECTED or observed > LOW_RATIO * expected:
        return False
    return lower_tail(observed, expected, profile.variance(expected)) <= LOW_TAIL


def _is_half(window: _Window, profile: Profile) -> bool:
    """Say whether half of the flow explains the count much better than the whole of it."""
    length, observed, expected, earlier = window
    if length > HALF_HOURS + ROUNDING or observed > HALF_RATIO * expected:
        return False
    if expected < MIN_EXPECTED or observed >= usual_range(expected, profile.variance(expected))[0]:
        return False
    mean, extra = profile.prediction(expected, length, earlier)
    usual = log_likelihood(observed, mean, profile.dispersion * mean + extra)
    half = log_likelihood(observed, mean / 2, profile.dispersion * mean / 2 + extra / 4)
    better = max(TIMES_BETTER * (expected / length - FROM_CALLS), LEAST_BETTER)
    return half - usual >= log(better)


def judge_share(hours: Iterable[Hour], profile: ShareProfile, *, is_open: bool) -> Finding | None:
    """Return the window in which the share is too high; None when nothing is wrong."""
    length, whole, observed, expected, binomial = 0.0, 0, 0, 0.0, 0.0
    enough, is_high_now = OVER_CALLS if is_open else NOW_CALLS, False
    for hour in _newest(hours):
        share = profile.shares[hour.slot]
        length += hour.part
        whole += hour.whole
        observed += hour.came
        expected += hour.whole * share
        binomial += hour.whole * share * (1 - share)
        if not is_high_now and whole >= enough:
            is_high_now = observed - expected >= SHARE_POINTS / 2 * whole
            if is_open or not is_high_now:
                found = Finding(length, observed, expected, binomial, whole)
                return found if is_high_now else None
        if is_high_now and _is_high(observed, expected, whole):
            variance = profile.variance(binomial, whole)
            if upper_tail(observed, whole, expected, variance) <= SHARE_TAIL:
                return Finding(length, observed, expected, variance, whole)
        if whole >= ENOUGH_CALLS:
            return None
    return None


def _is_high(observed: int, expected: float, whole: int) -> bool:
    return (
        observed >= MIN_PARTS
        and observed >= expected * SHARE_FACTOR
        and observed - expected >= SHARE_POINTS * whole
    )
