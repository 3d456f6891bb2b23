"""What copying settings would change: per counter, before anything is saved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from counters.models import Counter
from counters.settings.diff import SettingChange, label_of, settings_diff
from counters.settings.parts import names_of
from counters.settings.portable import (
    Settings,
    identifiers_of,
    portable,
    settings_for,
    usable_goals,
)
from counters.settings.rules import problems_of


@dataclass(frozen=True)
class Origin:
    """Where settings are copied from: a counter or a template, as it is at ``version``."""

    name: str
    version: int
    plain: Mapping[str, Any]
    is_template: bool = False


@dataclass(frozen=True)
class Proposal:
    """What a counter would get: the values, how they differ from what it has, and notes.

    With ``problems`` nothing can be saved: the result would break a rule of the settings window.
    """

    counter: Counter
    values: dict[str, Any]
    changes: list[SettingChange]
    notes: list[str]
    problems: list[str]

    @property
    def is_first(self) -> bool:
        """Whether it would be the counter's first settings, from which on calls are sent."""
        return self.counter.configured_at is None

    @property
    def can_be_saved(self) -> bool:
        """Whether there is anything to save, and nothing against it."""
        return not self.problems and (self.is_first or bool(self.changes))


def origin_of(counter: Counter) -> Origin:
    """Return the counter as an origin. Load it with its goals."""
    return Origin(counter.name, counter.version, portable(counter))


def proposals(
    origin: Origin, parts: Collection[str], counters: Iterable[Counter]
) -> list[Proposal]:
    """Return what each counter would get of the origin's parts, in one query.

    Load the counters with their goals.
    """
    names = names_of(parts)
    plain = {name: origin.plain[name] for name in names if name in origin.plain}
    targets = list(counters)
    goals = usable_goals(targets, identifiers_of(plain))
    return [proposal(one, settings_for(plain, goals.get(one.pk, {}))) for one in targets]


def proposal(counter: Counter, wanted: Settings) -> Proposal:
    """Return what the counter would get of these settings."""
    kept = {name: getattr(counter, name) for name in Counter.SETTINGS}
    problems = problems_of(kept | wanted.values)
    return Proposal(
        counter=counter,
        values=wanted.values,
        changes=settings_diff(counter, wanted.values),
        notes=wanted.notes,
        problems=[f"{label_of(name)}: {problem}" for name, problem in problems.items()],
    )
