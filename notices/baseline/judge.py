"""Whether the last hours are far from what is usual: a sequential test over growing windows.

The newest hour is judged alone, then together with the hour before, and so on, until enough calls
are expected. A large drop of a busy counter shows in the first window, a small one, or that of a
quiet counter, in a longer one. `docs/alerts.md` says how long it takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from notices.baseline.profile import Profile
from notices.baseline.shares import ShareProfile
from notices.baseline.tail import lower_tail, upper_score

#: How unlikely a window has to be: a probability, and a score. By the simulation: docs/alerts.md.
LOW_TAIL = 7e-5
SHARE_SCORE = 4.0
#: The longest window, and the expectation after which longer ones are not looked at.
MAX_HOURS = 72
ENOUGH_EXPECTED = 400.0
#: A smaller drop is no alarm, however certain; and with fewer expected calls silence is none.
LOW_RATIO = 0.62
MIN_EXPECTED = 8.0
#: It is low now: the newest hours in which so many were expected had less than this part of them.
STILL_RATIO, STILL_EXPECTED = 0.8, 6.0
#: It has ended: the newest hours in which so many were expected had more than this part of them.
OVER_RATIO, OVER_EXPECTED = 0.8, 30.0
#: A share has to differ by so many points, and by this factor.
SHARE_POINTS, SHARE_FACTOR = 0.12, 1.4
MIN_PARTS = 6
#: Calls by which a share is judged at most, and by which its end is judged.
ENOUGH_CALLS, OVER_CALLS = 600, 25


class Hour(NamedTuple):
    """An hour, the newest first: its hour of the week, its counts, the part of it that is over."""

    slot: int
    came: int
    #: Of a share: the whole of which ``came`` is a part.
    whole: int = 0
    part: float = 1.0


@dataclass(frozen=True)
class Finding:
    """The window that is far from usual. Of a share, ``whole`` calls are looked at."""

    hours: int
    observed: int
    expected: float
    variance: float
    whole: int = 0


def judge_low(hours: Iterable[Hour], profile: Profile, *, is_open: bool) -> Finding | None:
    """Return the shortest window in which too few came; None when nothing is wrong.

    ``hours``: the newest first. ``is_open``: it was told before; then the question is whether it
    still is so.
    """
    ratio, enough = (OVER_RATIO, OVER_EXPECTED) if is_open else (STILL_RATIO, STILL_EXPECTED)
    observed, expected, is_low_now = 0, 0.0, False
    for number, hour in enumerate(islice(hours, MAX_HOURS), start=1):
        observed += hour.came
        expected += profile.rates[hour.slot] * hour.part
        if not is_low_now and expected >= enough:
            if observed > ratio * expected:
                return None
            is_low_now = True
        if is_low_now and (is_open or _is_low(observed, expected, profile)):
            return Finding(number, observed, expected, profile.variance(expected))
        if expected >= ENOUGH_EXPECTED:
            return None
    return None


def _is_low(observed: int, expected: float, profile: Profile) -> bool:
    if expected < MIN_EXPECTED or observed > LOW_RATIO * expected:
        return False
    return lower_tail(observed, expected, profile.variance(expected)) <= LOW_TAIL


def judge_share(hours: Iterable[Hour], profile: ShareProfile, *, is_open: bool) -> Finding | None:
    """Return the window in which the share is too high; None when nothing is wrong."""
    whole, observed, expected, binomial = 0, 0, 0.0, 0.0
    for number, hour in enumerate(islice(hours, MAX_HOURS), start=1):
        share = profile.shares[hour.slot]
        whole += hour.whole
        observed += hour.came
        expected += hour.whole * share
        binomial += hour.whole * share * (1 - share)
        if is_open and whole >= OVER_CALLS:
            is_over = observed - expected < SHARE_POINTS / 2 * whole
            return None if is_over else Finding(number, observed, expected, binomial, whole)
        if not is_open and _is_high(observed, expected, whole):
            variance = profile.variance(binomial, whole)
            if upper_score(observed, expected, variance) >= SHARE_SCORE:
                return Finding(number, observed, expected, variance, whole)
        if whole >= ENOUGH_CALLS:
            return None
    return None


def _is_high(observed: int, expected: float, whole: int) -> bool:
    return (
        observed >= MIN_PARTS
        and observed >= expected * SHARE_FACTOR
        and observed - expected >= SHARE_POINTS * whole
    )
