"""The score of a counter or source: factors, what mending each would bring, and their mean.

What cannot be counted from rows is None, never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from calls.queries.link_quality import MOST_ROWS, Group, Volume

COVERAGE, VALIDITY, AGE, REPEATS, LINKED = "coverage", "validity", "age", "repeats", "linked"
#: How much each factor counts in the score.
WEIGHTS = {COVERAGE: 3, VALIDITY: 2, AGE: 1, REPEATS: 1, LINKED: 3}
#: Calls that fail one of these are not linked however good the rest is: the score is no higher.
NEEDED = (COVERAGE, VALIDITY, AGE)

#: Metrika links none of these, by its documentation (ADR 0076).
NEVER_LINKED = ("no_identifier", "unreadable", "too_old")
_INVALID = ("unreadable", "other_form", "later_visit")
_OLD = ("old", "too_old")
#: Cause of the age: calls that came too late, and without an identifier that would do.
LATE = "late"
_OTHER_FAULTS = ("no_identifier", "unreadable")
_GOOD = ("client_id", "yclid", "user_id")

#: Fewer calls say nothing of a share.
LEAST_CALLS = 20
#: Fewer proved calls of a cause say nothing of its links.
LEAST_PROVED = 10


@dataclass(frozen=True)
class Factor:
    """One factor: of so many calls, those that are as they should be."""

    code: str
    calls: int
    good: int
    #: More calls a week that would be linked; None if the rows do not tell.
    gain: float | None = None
    #: Some of the bad calls have no link proof yet, so the gain is at least that.
    is_at_least: bool = False
    #: The bad calls by their cause.
    causes: dict[str, int] = field(default_factory=dict)
    #: The bad calls with a link proof.
    proved: int = 0
    #: Of the age: late calls before the rows that were read; no part of `calls`.
    earlier: int = 0
    #: Counted from what files tell of all their rows: about so many.
    is_estimate: bool = False

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        return self.good / self.calls

    @property
    def possible(self) -> float:
        """The share without the calls that Metrika never links."""
        return 1 - sum(self.causes.get(one, 0) for one in NEVER_LINKED) / self.calls

    @property
    def bad(self) -> int:
        """The calls that mending would change."""
        return self.calls - self.good


@dataclass(frozen=True)
class Read:
    """The rows of the ledger that were read, and of them what was sent with an identifier."""

    rows: int
    sent: int
    proved: int
    linked: int
    first_at: datetime | None
    last_at: datetime | None

    @property
    def is_cut(self) -> bool:
        """Whether there may be more rows in the days that are counted."""
        return self.rows >= MOST_ROWS


@dataclass(frozen=True)
class Quality:
    """The factors of a counter or a source that enough calls have, in the order of `WEIGHTS`."""

    factors: Sequence[Factor]
    #: Calls that should be linked: sent or waiting ones, and those without an identifier.
    calls: int
    static: int
    #: The share of links among calls without a fault, and whether link proofs tell it.
    good_share: float | None
    is_proved: bool
    #: Calls of which Metrika told anything: by its logs, or else by their files.
    told: int
    #: What was read.
    read: Read

    @property
    def score(self) -> float | None:
        """Between 0 and 10; None without a factor.

        The weighted mean of the factors, but no more than what `NEEDED` leave possible.
        """
        weight = sum(WEIGHTS[one.code] for one in self.factors)
        if not weight:
            return None
        mean = sum(WEIGHTS[one.code] * one.share for one in self.factors) / weight
        return 10 * min([mean, *(one.possible for one in self.factors if one.code in NEEDED)])


def quality_of(groups: Iterable[Group], volume: Volume | None) -> Quality:
    """Return the quality of the groups of one counter; ``volume``: None for one source of it."""
    found = list(groups)
    rate = _weekly_rate(found, volume)
    good_share, is_proved = _good_share(found)
    faults = _Faults(found, rate, good_share)
    came = _count(found, without="no_identifier")
    factors = [
        faults.factor(COVERAGE, faults.meant, ("no_identifier",)),
        faults.factor(VALIDITY, came, _INVALID),
        faults.age(earlier=volume.late_before if volume else 0),
        faults.factor(REPEATS, _good(found), _GOOD, repeated=True),
        _linked(found),
    ]
    return Quality(
        [one for one in factors if one and one.calls >= LEAST_CALLS],
        faults.meant,
        _count(found, ("static",)),
        good_share,
        is_proved,
        sum(max(one.proved, one.told) for one in found),
        _read(found),
    )


def _read(groups: list[Group]) -> Read:
    return Read(
        sum(one.rows for one in groups),
        sum(one.sent_rows for one in groups),
        sum(one.proved_rows for one in groups),
        sum(one.linked_rows for one in groups),
        min((one.first_at for one in groups if one.first_at), default=None),
        max((one.last_at for one in groups if one.last_at), default=None),
    )


class _Faults:
    """The calls of a counter by fault, and what a link of each would bring."""

    def __init__(self, groups: list[Group], rate: float | None, good_share: float | None) -> None:
        self._groups = groups
        self._rate = rate
        self._good_share = good_share
        self.meant = _count(groups, without="static")

    def factor(
        self, code: str, calls: int, causes: tuple[str, ...], *, repeated: bool | None = None
    ) -> Factor | None:
        """Return the factor of so many calls, of which those of the causes are bad."""
        bad = [
            one
            for one in self._groups
            if one.cause in causes and (repeated is None or one.is_repeated)
        ]
        if not calls:
            return None
        gains = [self._gain([one for one in bad if one.cause == cause]) for cause in causes]
        known = [one for one in gains if one is not None]
        counts = {cause: sum(one.calls for one in bad if one.cause == cause) for cause in causes}
        is_known = any(known) or len(known) == len(gains)
        return Factor(
            code,
            calls,
            calls - sum(counts.values()),
            sum(known) if is_known else None,
            len(known) < len(gains),
            counts,
            proved=sum(one.proved for one in bad),
        )

    def age(self, *, earlier: int) -> Factor | None:
        """Return how many came in time: of the calls with an identifier, and of all late ones.

        A late call whose identifier would not do either is late all the same; to be in time brings
        it nothing.
        """
        readable = _good(self._groups) + _count(self._groups, _OLD)
        late = [one for one in self._groups if one.is_late and one.cause in _OTHER_FAULTS]
        found = self.factor(AGE, readable + sum(one.calls for one in late), _OLD)
        if not found:
            return None
        calls = sum(one.calls for one in late)
        causes = found.causes | {LATE: calls}
        return replace(found, good=found.good - calls, causes=causes, earlier=earlier)

    def _gain(self, bad: list[Group]) -> float | None:
        """Return the links a week that the calls of one cause would have; 0 without such calls.

        A call that came too late would not be sent with a better identifier either.
        """
        mendable = [one for one in bad if not one.is_late or one.cause in _OLD]
        if not mendable:
            return 0.0
        theirs = _share_of(mendable)
        if theirs is None or self._rate is None or self._good_share is None:
            return None
        calls = sum(one.calls for one in mendable) * self._rate
        return calls * max(0.0, self._good_share - theirs)


def _share_of(bad: list[Group]) -> float | None:
    if bad[0].cause in NEVER_LINKED:
        return 0.0
    proved = sum(one.proved for one in bad)
    return sum(one.linked for one in bad) / proved if proved >= LEAST_PROVED else None


def _weekly_rate(groups: list[Group], volume: Volume | None) -> float | None:
    """Return how many calls a week one of the groups' calls stands for."""
    rows = sum(one.rows for one in groups)
    if volume is None or not rows:
        return None
    return max(volume.rows, rows) / rows / volume.weeks


def _good_share(groups: list[Group]) -> tuple[float | None, bool]:
    good = [one for one in groups if one.cause in _GOOD and not one.is_repeated]
    proved = sum(one.proved for one in good)
    if proved >= LEAST_CALLS:
        return sum(one.linked for one in good) / proved, True
    by_files = _linked_by_files(groups)
    return (by_files.share, False) if by_files else (None, False)


def _linked(groups: list[Group]) -> Factor | None:
    """Return the linked ones of the calls that were sent: by the proofs, else by their files."""
    sent = _with_identifier(groups)
    proved = sum(one.proved for one in sent)
    if proved >= LEAST_CALLS:
        return Factor(LINKED, proved, sum(one.linked for one in sent))
    return _linked_by_files(groups)


def _linked_by_files(groups: list[Group]) -> Factor | None:
    sent = _with_identifier(groups)
    told = sum(one.told for one in sent)
    if told < LEAST_CALLS:
        return None
    linked = round(sum(one.linked_by_files for one in sent))
    return Factor(LINKED, told, linked, is_estimate=True)


def _with_identifier(groups: list[Group]) -> list[Group]:
    without = ("static", "no_identifier", "unreadable", "")
    return [one for one in groups if one.cause not in without]


def _good(groups: list[Group]) -> int:
    return _count(groups, _GOOD)


def _count(groups: list[Group], causes: tuple[str, ...] = (), *, without: str = "") -> int:
    """Return the calls of these causes, or of all but the static ones and one cause."""
    if causes:
        return sum(one.calls for one in groups if one.cause in causes)
    left_out = ("", "static", without)
    return sum(one.calls for one in groups if one.cause not in left_out)
