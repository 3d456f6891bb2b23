"""Settings as JSON without rows of a counter: a goal is its identifier. Templates store them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Q
from django.utils.translation import gettext as _

from counters.models import Counter, Goal
from counters.settings.diff import label_of

#: The settings that choose a goal of the counter.
GOALS = tuple(
    name for name in Counter.SETTINGS if isinstance(Counter._meta.get_field(name), ForeignKey)
)

#: Usable goals of one counter by identifier.
GoalsByIdentifier = Mapping[str, Goal]


@dataclass(frozen=True)
class Settings:
    """Settings of one counter by column; ``notes``: which could not be carried over, and why."""

    values: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def portable(counter: Counter, names: Iterable[str] = Counter.SETTINGS) -> dict[str, Any]:
    """Return the counter's settings as JSON. Load the counter with its goals."""
    return {name: _plain(getattr(counter, name)) for name in names}


def usable_goals(
    counters: Iterable[Counter], identifiers: Collection[str]
) -> dict[int, dict[str, Goal]]:
    """Return the goals with these identifiers by counter id, in one query."""
    found: dict[int, dict[str, Goal]] = {}
    if not identifiers:
        return found
    wanted = Q(counter__in=list(counters), identifier__in=identifiers, deleted_at=None)
    for goal in Goal.objects.filter(wanted).order_by("-goal_id"):
        found.setdefault(goal.counter_id, {})[goal.identifier] = goal
    return found


def settings_for(plain: Mapping[str, Any], goals: GoalsByIdentifier) -> Settings:
    """Return ``plain`` as columns of the counter that has ``goals``.

    What is no setting any more, or a value that is not valid any more, is left out with a note.
    """
    result = Settings()
    for name in Counter.SETTINGS:
        if name not in plain:
            continue
        try:
            result.values[name] = _column(name, plain[name], goals)
        except ValidationError as error:
            result.notes.append(error.messages[0])
    return result


def identifiers_of(plain: Mapping[str, Any]) -> set[str]:
    """Return the identifiers of goals that the settings name."""
    return {plain[name] for name in GOALS if plain.get(name)}


def _column(name: str, value: Any, goals: GoalsByIdentifier) -> Any:
    if name in GOALS:
        return _goal(name, value, goals)
    column: Any = Counter._meta.get_field(name)
    try:
        return column.clean(value, None)
    except ValidationError:
        text = _("«%(label)s» останется как есть: значение «%(value)s» больше не подходит.")
        raise ValidationError(text % {"label": label_of(name), "value": value}) from None


def _goal(name: str, identifier: str | None, goals: GoalsByIdentifier) -> Goal | None:
    if not identifier:
        return None
    if identifier in goals:
        return goals[identifier]
    text = _(
        "«%(label)s» останется как есть: цели с идентификатором «%(identifier)s» в этом счетчике "
        "нет или она ещё не прочитана из Метрики. Создайте её в настройках счетчика."
    )
    raise ValidationError(text % {"label": label_of(name), "identifier": identifier})


def _plain(value: Any) -> Any:
    if isinstance(value, Goal):
        return value.identifier
    return str(value) if isinstance(value, Decimal) else value
