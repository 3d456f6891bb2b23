"""Simulated counters for the alerts: weekly profiles, growth, scatter, and planted trouble.

Nothing here knows how alerts judge: counts are drawn from rates, and trouble changes the rates.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import exp
from random import Random

HOURS_OF_DAY, SLOTS = 24, 168
#: Weeks of history before the simulated days.
HISTORY_DAYS = 42
#: Parts of an hour: the conditions are checked every ten minutes.
PARTS = 6
PARTS_OF_DAY = HOURS_OF_DAY * PARTS
#: Calls an hour at daytime; the counters are divided among them.
VOLUMES = (10, 20, 40, 80, 200)
#: The part of the calls that is left, and of one source's.
DROPS = {"50 %": 0.5, "90 %": 0.1, "total": 0.0}
ONE_SOURCE = "one source"
#: Shares: the range in which the usual part of bad calls lies, and the scatter of a day's.
SHARES = {
    "linked share": ((0.2, 0.5), 0.03),
    "skipped share": ((0.02, 0.3), 0.02),
    "unreadable": ((0.0, 0.05), 0.005),
    "refusals": ((0.0, 0.02), 0.002),
}
#: The trouble of a share: so much of what was good is bad.
LOST = 0.5
TROUBLES = (*DROPS, ONE_SOURCE, *SHARES)
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
    troubles: list[Trouble]
    #: Calls, those of its first source, and by share the bad ones.
    calls: list[int] = field(default_factory=list)
    first: list[int] = field(default_factory=list)
    bad: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in SHARES})
    #: By hour: the mean count of a part of it, without the scatter of the day and of the hour.
    means: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class _Nature:
    """What a counter keeps: its course of the week, its growth, its usual shares."""

    shape: list[float]
    growth: float
    of_first: float
    bad: dict[str, float]


def slot_of(hour: int) -> int:
    """Return the hour of the week; the history begins on a Monday."""
    return hour % SLOTS


def counter_of(seed: int, number: int, days: int) -> SimulatedCounter:
    """Return a simulated counter with its history; the same numbers give the same one."""
    random, volume = Random(f"{seed}/{number}"), VOLUMES[number % len(VOLUMES)]
    made = SimulatedCounter(volume, _troubles(random, days))
    bad = {name: random.uniform(*usual) for name, (usual, _scatter) in SHARES.items()}
    nature = _Nature(_shape(random), random.uniform(-0.01, 0.03), random.uniform(0.4, 0.6), bad)
    for day in range(HISTORY_DAYS + days):
        _add_day(made, random, nature, day)
    return made


def _troubles(random: Random, days: int) -> list[Trouble]:
    """Plant each kind once, at daytime of different days from Monday to Friday."""
    working = [day for day in range(HISTORY_DAYS, HISTORY_DAYS + days) if day % 7 < 5]
    planted = []
    for kind, day in zip(TROUBLES, random.sample(working, len(TROUBLES)), strict=True):
        begin = (day * HOURS_OF_DAY + 10) * PARTS + random.randrange(4 * PARTS)
        planted.append(Trouble(kind, begin, begin + OUTAGE_HOURS * PARTS))
    return sorted(planted, key=lambda one: one.begin)


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


def _add_day(made: SimulatedCounter, random: Random, nature: _Nature, day: int) -> None:
    level = random.gauss(1, DAY_SCATTER)
    usual = made.volume * (1 + nature.growth) ** (day / 7) / PARTS
    bad = {
        name: min(max(random.gauss(nature.bad[name], scatter), 0.0), 0.95)
        for name, (_usual, scatter) in SHARES.items()
    }
    today = [one for one in made.troubles if one.begin // PARTS_OF_DAY == day]
    for hour in range(day * HOURS_OF_DAY, (day + 1) * HOURS_OF_DAY):
        mean = usual * nature.shape[slot_of(hour)]
        made.means.append(mean)
        rate = mean * level * max(0.2, random.gauss(1, HOUR_SCATTER))
        for part in range(hour * PARTS, (hour + 1) * PARTS):
            now = {one.kind for one in today if one.begin <= part < one.end}
            _add_part(made, random, rate, nature.of_first, bad, now)


def _add_part(
    made: SimulatedCounter,
    random: Random,
    rate: float,
    of_first: float,
    bad: dict[str, float],
    now: set[str],
) -> None:
    rate *= min((part for kind, part in DROPS.items() if kind in now), default=1.0)
    first = 0 if ONE_SOURCE in now else poisson(random, rate * of_first)
    calls = first + poisson(random, rate * (1 - of_first))
    made.first.append(first)
    made.calls.append(calls)
    for name, usual in bad.items():
        chance = usual + (1 - usual) * LOST if name in now else usual
        made.bad[name].append(binomial(random, calls, chance))


def poisson(random: Random, mean: float) -> int:
    """Return a Poisson-distributed count; of large means the normal approximation."""
    if mean > 30:
        return max(0, round(random.gauss(mean, mean**0.5)))
    limit, product, count = exp(-mean), random.random(), 0
    while product > limit:
        product *= random.random()
        count += 1
    return count


def binomial(random: Random, whole: int, chance: float) -> int:
    """Return how many of so many calls have what each has by this chance."""
    return sum(random.random() < chance for _call in range(whole))
