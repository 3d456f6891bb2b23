"""Finds fields that were usually filled and are mostly empty now, in counts by hour. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

#: So many calls at least are compared with so many before them.
LEAST_CALLS = 20
#: Share of the calls in which a field that is watched was filled before.
USUALLY = 0.5
#: Share of the calls in which it is empty now. Of those that were filled half are lost at least.
MOSTLY = 0.5
LOST = 0.5
#: The latest hours with so many calls tell whether the field is empty still.
LATEST_CALLS = 5


@dataclass(frozen=True)
class Hour:
    """The records of one hour; ``filled``: field → in how many of them it is not empty."""

    hour: datetime
    calls: int
    filled: dict[str, int]


@dataclass(frozen=True)
class Emptied:
    """A field that is mostly empty in the calls since an hour, and what it was before."""

    field: str
    since: datetime
    calls: int
    empty: int
    calls_before: int
    empty_before: int


def emptied_fields(hours: Sequence[Hour]) -> list[Emptied]:
    """Return the fields that have become empty, by name; ``hours`` are those of one source."""
    ordered = sorted((one for one in hours if one.calls), key=lambda one: one.hour)
    names = sorted({name for one in ordered for name in one.filled})
    return [found for name in names if (found := _emptied(name, ordered)) is not None]


def _emptied(field: str, hours: Sequence[Hour]) -> Emptied | None:
    """Return since when the field is empty: where the shares before and after differ the most."""
    filled = [one.filled.get(field, 0) for one in hours]
    if not _is_empty_still(hours, filled):
        return None
    calls_to = list(accumulate(one.calls for one in hours))
    filled_to = list(accumulate(filled))
    best, best_score = None, 0.0
    for place in range(1, len(hours)):
        before, filled_before = calls_to[place - 1], filled_to[place - 1]
        calls, filled_now = calls_to[-1] - before, filled_to[-1] - filled_before
        if before < LEAST_CALLS or calls < LEAST_CALLS:
            continue
        was, now = filled_before / before, filled_now / calls
        # The between-group variance: the change point of a series of yes and no.
        score = before * calls / (before + calls) * (was - now) ** 2
        is_lost = was >= USUALLY and 1 - now >= MOSTLY and now <= was * LOST
        if is_lost and score > best_score:
            best_score = score
            best = Emptied(
                field=field,
                since=hours[place].hour,
                calls=calls,
                empty=calls - filled_now,
                calls_before=before,
                empty_before=before - filled_before,
            )
    return best


def _is_empty_still(hours: Sequence[Hour], filled: Sequence[int]) -> bool:
    calls = filled_latest = 0
    for hour, filled_then in zip(reversed(hours), reversed(filled), strict=True):
        calls += hour.calls
        filled_latest += filled_then
        if calls >= LATEST_CALLS:
            break
    return calls >= LATEST_CALLS and 1 - filled_latest / calls >= MOSTLY
