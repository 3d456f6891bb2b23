"""The interface of a figure, and what a run of it yields."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import ClassVar, Literal

from bench.memory import peak_over_idle
from bench.sizes import Sizes

Contender = Literal["product", "floor", "naive"]


@dataclass(frozen=True)
class Fact:
    """A number of the product beside the rates, with its goal."""

    title: str
    value: float
    unit: str
    #: The least or the most that the value may be; None without a goal.
    at_most: float | None = None
    at_least: float | None = None

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


class Figure:
    """One figure of the benchmark. Subclasses do the work; rounds of contenders alternate."""

    title: ClassVar[str]
    unit: ClassVar[str] = "calls/s"
    goal_floor: ClassVar[float | None] = None
    goal_naive: ClassVar[float | None] = None
    contenders: Sequence[Contender] = ("product", "floor", "naive")
    #: Whether this process is only the client: the processor time of the servers counts alone.
    is_client: ClassVar[bool] = False

    def __init__(self, sizes: Sizes) -> None:
        self.sizes = sizes
        self.facts: list[Fact] = []
        self.notes: list[str] = []

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

    def finish(self) -> None:
        """Add facts, after the rounds, and stop what `prepare` started."""

    def add_peak_memory(
        self, function: Callable[[str], object], word: str, *, small: str, at_most: float
    ) -> None:
        """Add by how many MB a process grows that calls the function; see `peak_over_idle`."""
        if not self.sizes.measures_memory:
            return
        peak = peak_over_idle(function, word, small=small)
        if peak is None:
            self.notes.append("peak memory: this system does not tell it.")
        else:
            self.facts.append(Fact("memory over an idle process", peak, "MB", at_most=at_most))
