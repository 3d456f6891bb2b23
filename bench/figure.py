"""The interface of a figure, and what a run of it yields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import ClassVar, Literal

from bench.memory import in_new_process
from bench.profiling import Profile, profile_of
from bench.sizes import Sizes

Contender = Literal["product", "floor", "naive"]
#: Profiles that a figure takes at most: a table each is enough to see what limits it.
PROFILES = 3


@dataclass(frozen=True)
class Fact:
    """A number of the product beside the rates, with its goal."""

    title: str
    value: float
    unit: str
    #: The least or the most that the value may be; None without a goal.
    at_most: float | None = None
    at_least: float | None = None
    #: Whether the benchmark fails when the goal is missed.
    is_required: bool = False

    @property
    def goal(self) -> str:
        """The goal in words, "" without one."""
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"

    @property
    def is_met(self) -> bool:
        """Whether the value reaches its goal; true without one."""
        is_low = self.at_most is None or self.value <= self.at_most
        return is_low and (self.at_least is None or self.value >= self.at_least)


@dataclass(frozen=True)
class Run:
    """One timed piece of work: how many units, in how many seconds, at what cost."""

    units: float
    wall: float
    #: Seconds of user and system time of every process of the benchmark.
    cpu: float

    @property
    def rate(self) -> float:
        """Units per second."""
        return self.units / self.wall

    @property
    def cpu_rate(self) -> float:
        """Units per second of processor time. A tick of its clock is 10 ms."""
        return self.units / max(self.cpu, 0.01)


@dataclass(frozen=True)
class Measured:
    """When a figure was measured, of what, and how busy the machine was."""

    #: The moment at which `bench/run` was started: figures of one run have the same.
    run: str
    revision: str
    seconds: float
    #: Of user and system time, of every process of the benchmark.
    cpu: float
    #: Load over a minute, before and after.
    load_before: float
    load_after: float


@dataclass
class Outcome:
    """The runs of a figure by contender, its facts, and why it did not run."""

    title: str
    unit: str
    goal_floor: float | None = None
    goal_naive: float | None = None
    runs: dict[Contender, list[Run]] = field(default_factory=dict)
    facts: list[Fact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    profiles: list[Profile] = field(default_factory=list)
    measured: Measured | None = None

    @property
    def key(self) -> str:
        """The first word of the title, by which a figure is chosen."""
        return self.title.split(" ", 1)[0]

    @property
    def is_met(self) -> bool | None:
        """Whether the ratios of wall time reach their goals; None without goals."""
        pairs: tuple[tuple[float | None, Contender], ...] = (
            (self.goal_floor, "floor"),
            (self.goal_naive, "naive"),
        )
        judged = [
            ratio >= goal
            for goal, who in pairs
            if goal is not None and (ratio := self.ratio(who, lambda run: run.rate)) is not None
        ]
        return all(judged) if judged else None

    def rate(self, contender: Contender) -> float | None:
        """Return the median rate; None for a contender that does not run."""
        runs = self.runs.get(contender)
        return median(run.rate for run in runs) if runs else None

    def ratio(self, contender: Contender, rate: Callable[[Run], float]) -> float | None:
        """Return the product's median over that of another contender."""
        ours, others = self.runs.get("product"), self.runs.get(contender)
        if not ours or not others:
            return None
        return median(map(rate, ours)) / median(map(rate, others))


def once(
    count: int, unit: str, product: float, floor: float | None, goal: float | None
) -> list[Fact]:
    """Return the rate of one run of the whole amount, and its ratio to that of the floor.

    ``product`` and ``floor`` are the seconds of the two; None without a floor.
    """
    title = f"{count:,} at once, one run"
    facts = [Fact(title, count / product, unit)]
    if floor is not None:
        facts += [
            Fact(f"{title}: floor", count / floor, unit),
            Fact(f"{title}: ÷ floor", floor / product, "×", at_least=goal),
        ]
    return facts


class Figure:
    """One figure of the benchmark. Subclasses do the work; rounds of contenders alternate."""

    title: ClassVar[str]
    unit: ClassVar[str] = "calls/s"
    goal_floor: ClassVar[float | None] = None
    goal_naive: ClassVar[float | None] = None
    contenders: Sequence[Contender] = ("product", "floor", "naive")
    #: Whether this process is only the client: the processor time of the servers counts alone.
    is_client: ClassVar[bool] = False

    #: How many of the size's limits of time the figure may take.
    limits: ClassVar[float] = 1
    #: At least so many of its facts are required ones.
    required_facts: ClassVar[int] = 0

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.facts: list[Fact] = []
        self.notes: list[str] = []
        self.profiles: list[Profile] = []
        #: What the rounds have measured so far.
        self.runs: dict[Contender, list[Run]] = {}

    def prepare(self) -> None:
        """Make what all rounds need. Not timed."""

    def reset(self, contender: Contender) -> None:
        """Restore the data before a timed piece of work. Not timed."""

    def product(self) -> float:
        """Do the work with the product; return the number of units."""
        raise NotImplementedError

    def floor(self) -> float:
        """Do the same work with the least that it needs."""
        raise NotImplementedError

    def naive(self) -> float:
        """Do the same work as a Django project writes it first."""
        raise NotImplementedError

    def profiled(self) -> float:
        """Do the product's work in this process, for a profile of it; return the units."""
        return self.product()

    def finish(self) -> None:
        """Add facts, after the rounds, and stop what `prepare` started."""

    def add_facts(self, facts: Sequence[Fact], work: Callable[[], float]) -> None:
        """Add facts of some work; if one of them misses its goal, with a profile of the work."""
        self.facts += facts
        missed = [fact for fact in facts if not fact.is_met]
        if missed and self.sizes.takes_profiles and len(self.profiles) < PROFILES:
            self.profiles.append(profile_of(work, missed[0].title))

    def add_peak_memory(
        self, function: Callable[[str], object], word: str, *, small: str, at_most: float
    ) -> Run | None:
        """Add by how many MB a process grows that calls the function; see `in_new_process`.

        Returns the time that the call took, as a run of one unit; None if it was not measured.
        """
        if not self.sizes.measures_memory:
            return None
        peak = in_new_process(function, word, small=small)
        if peak is None:
            self.notes.append("peak memory: this system does not tell it.")
            return None
        self.facts.append(
            Fact("memory over an idle process", peak.megabytes, "MB", at_most=at_most)
        )
        return Run(1, peak.wall, peak.cpu)
