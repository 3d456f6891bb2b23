"""Simulated counters for the alerts: weekly profiles, growth, scatter, and planted trouble.

Nothing here knows how alerts judge: counts are drawn from rates, and trouble changes the rates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp
from random import Random

HOURS_OF_DAY, SLOTS = 24, 168
#: Weeks of history before the simulated days.
HISTORY_DAYS = 42
#: Parts of an hour: the conditions are checked every ten minutes.
PARTS = 6
#: Calls an hour at daytime; the counters are divided among them.
VOLUMES = (10, 20, 40, 80, 200)
#: What is planted: the part of the calls that is left, of the linked calls, of one source.
TROUBLES = {"50 %": 0.5, "90 %": 0.1, "total": 0.0, "linked share": 0.5, "one source": 0.0}
OUTAGE_HOURS = 6
#: Scatter of the level of days and of hours: what makes real counts wilder than Poisson's.
DAY_SCATTER, HOUR_SCATTER = 0.08, 0.08


@dataclass(frozen=True)
class Trouble:
    """One planted trouble: its kind, and the part of an hour at which it begins and ends."""

    kind: str
    begin: int
    end: int


@dataclass
class SimulatedCounter:
    """Counts of a counter in parts of hours, of history and simulated days alike."""

    volume: int
    #: Calls of its first source, of its second one, and the linked ones of both.
    first: list[int] = field(default_factory=list)
    second: list[int] = field(default_factory=list)
    linked: list[int] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)


def slot_of(hour: int) -> int:
    """Return the hour of the week; the history begins on a Monday."""
    return hour % SLOTS


def counters(seed: int, count: int, days: int) -> Iterator[SimulatedCounter]:
    """Yield the counters one after the other; the same seed gives the same ones."""
    for number in range(count):
        yield _counter(Random(f"{seed}/{number}"), VOLUMES[number % len(VOLUMES)], days)


def _counter(random: Random, volume: int, days: int) -> SimulatedCounter:
    made = SimulatedCounter(volume, troubles=_troubles(random, days))
    shape, growth = _shape(random), random.uniform(-0.01, 0.03)
    share, linked = random.uniform(0.4, 0.6), random.uniform(0.5, 0.8)
    for day in range(HISTORY_DAYS + days):
        level = volume * (1 + growth) ** (day / 7) * random.gauss(1, DAY_SCATTER)
        of_day = min(max(random.gauss(linked, 0.03), 0.05), 0.95)
        for hour in range(day * HOURS_OF_DAY, (day + 1) * HOURS_OF_DAY):
            _add_hour(made, random, hour, level * shape[slot_of(hour)], share, of_day)
    return made


def _troubles(random: Random, days: int) -> list[Trouble]:
    """Plant each kind once, spread over the days in a random order, each at daytime."""
    kinds = list(TROUBLES)
    random.shuffle(kinds)
    planted, pause = [], days // len(kinds)
    for number, kind in enumerate(kinds):
        day = HISTORY_DAYS + number * pause + random.randrange(max(1, pause - 2))
        # Monday to Friday: what "calls an hour at daytime" says is true then.
        day += max(0, 7 - day % 7) if day % 7 > 4 else 0
        begin = (day * HOURS_OF_DAY + 10) * PARTS + random.randrange(4 * PARTS)
        planted.append(Trouble(kind, begin, begin + OUTAGE_HOURS * PARTS))
    return planted


def _shape(random: Random) -> list[float]:
    """Return the rate of each hour of the week as a part of that at daytime."""
    opens, closes = random.choice(((8, 20), (9, 21), (10, 22), (9, 19)))
    night, weekend = random.choice((0.0, 0.02, 0.1, 0.3)), random.uniform(0.2, 0.9)
    found = []
    for slot in range(SLOTS):
        day, hour = divmod(slot, HOURS_OF_DAY)
        rate = 1.0 if opens <= hour < closes else night
        rate *= 0.85 if hour == 13 else random.uniform(0.9, 1.1)
        found.append(rate * (weekend if day > 4 else 1.0))
    return found


def _add_hour(
    made: SimulatedCounter, random: Random, hour: int, rate: float, share: float, linked: float
) -> None:
    rate *= max(0.2, random.gauss(1, HOUR_SCATTER))
    for part in range(hour * PARTS, (hour + 1) * PARTS):
        is_now = {one.kind for one in made.troubles if one.begin <= part < one.end}
        kept = min((TROUBLES[kind] for kind in is_now & {"50 %", "90 %", "total"}), default=1.0)
        alive = TROUBLES["one source"] if "one source" in is_now else 1.0
        first = poisson(random, rate * kept * share * alive / PARTS)
        second = poisson(random, rate * kept * (1 - share) / PARTS)
        chance = linked * (TROUBLES["linked share"] if "linked share" in is_now else 1.0)
        made.first.append(first)
        made.second.append(second)
        made.linked.append(sum(random.random() < chance for _call in range(first + second)))


def poisson(random: Random, mean: float) -> int:
    """Return a Poisson-distributed count; of large means the normal approximation."""
    if mean > 30:
        return max(0, round(random.gauss(mean, mean**0.5)))
    limit, product, count = exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count
