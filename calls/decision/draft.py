"""The rules over settings that are not saved: the counter is a row of constants, not of its table.

PostgreSQL evaluates conditions of constants when it plans a statement, so that of the rules only
those remain which the settings use. A rule that reads no changed setting is evaluated once for the
saved settings and the draft, and one that does not ask for the channel once for both channels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, models

from calls.decision.reason import Rule
from calls.decision.routing import GOAL_OF_CALL, HAS_OTHER_GOAL
from calls.decision.rules.linking import FITS
from calls.states import Channel
from counters.models import Counter, Goal

_READS = re.compile(r"\bk\.(\w+)")
_READS_GOAL = re.compile(r"\bg\.(?=\w)")
_READS_CHANNEL = re.compile(r"\bch\.channel\b")
#: Test of an identifier → the column of `judged_calls` with its result.
_FITS = {sql: f"fits_{number}" for number, sql in enumerate(FITS)}


@dataclass(frozen=True)
class Part:
    """Rules that are evaluated together: for the draft, the saved settings, or both (None)."""

    counter: Counter | None
    channel: Channel | None
    rules: Sequence[tuple[int, Rule]]


@dataclass(frozen=True)
class Judging:
    """SQL that judges call c, a row of `judged_calls`: columns, lateral joins and their parameters.

    A column is the place in ``rules`` of the first rule of its part that refuses the call, or null.
    """

    rules: Sequence[Rule]
    parts: Sequence[Part]
    columns: Sequence[str]
    joins: str
    values: Mapping[str, Any]

    @property
    def key(self) -> str:
        """SQL of one number for all columns, narrow for a GROUP BY; `places` reads it."""
        digits = (
            f"coalesce({column} + 1, 0) * {self._base**at}::bigint"
            for at, column in enumerate(self.columns)
        )
        return f"({' + '.join(digits)})"

    def places(self, key: int) -> list[int | None]:
        """Return the values of the columns for this `key`."""
        digits = (key // self._base**at % self._base for at in range(len(self.columns)))
        return [digit - 1 if digit else None for digit in digits]

    @property
    def _base(self) -> int:
        return len(self.rules) + 1

    def refusing(
        self, places: Sequence[int | None], counter: Counter, channel: Channel
    ) -> Rule | None:
        """Return the rule that refuses the call by these settings; ``places`` are the columns."""
        found = [
            place
            for part, place in zip(self.parts, places, strict=True)
            if place is not None
            # The draft and the saved counter are the same row: they compare equal.
            and (part.counter is None or part.counter is counter)
            and part.channel in (None, channel)
        ]
        return self.rules[min(found)] if found else None


def judged_calls(calls: str) -> str:
    """Return SQL of a relation of the calls for `judging`; ``calls`` is a SELECT of whole calls.

    Its columns ``fits_…`` are the tests of `FITS`, which no empty value meets. OFFSET keeps the
    planner from putting them back into each rule.
    """
    fits = ", ".join(f"{value} <> '' AND {sql} AS {_FITS[sql]}" for sql, value in FITS.items())
    return f"(SELECT c.*, {fits} FROM ({calls}) AS c OFFSET 0)"


def judging(
    draft: Counter, saved: Counter, *, rules: Sequence[Rule], without: Collection[str]
) -> Judging:
    """Return how calls are judged by both settings, without the rules of these codes."""
    asked = [(place, rule) for place, rule in enumerate(rules) if rule.code not in without]
    parts = list(_parts(draft, saved, asked))
    columns, joins, values = [], [], dict[str, Any]()
    for at, part in enumerate(parts):
        sql, of_part = _relation(part, part.counter or draft, f"p{at}")
        joins.append(f"CROSS JOIN LATERAL {sql} AS p{at}")
        columns.append(f"p{at}.place")
        values |= of_part
    return Judging(rules, parts, columns, "\n".join(joins), values)


def changed_columns(draft: Counter, saved: Counter) -> set[str]:
    """Return the columns of the counter's table that differ."""
    return {
        str(field.column)
        for field in Counter._meta.concrete_fields
        if getattr(draft, field.attname) != getattr(saved, field.attname)
    }


def _parts(draft: Counter, saved: Counter, rules: Sequence[tuple[int, Rule]]) -> Iterator[Part]:
    changed = changed_columns(draft, saved)
    touched = [one for one in rules if _reads(one[1]) & changed]
    for counter in (None, draft, saved):
        of_counter = touched if counter else [one for one in rules if one not in touched]
        for channel in (None, *Channel):
            asked = [one for one in of_counter if _asks_channel(one[1]) == bool(channel)]
            if asked:
                yield Part(counter, channel, asked)


def _text(rule: Rule) -> str:
    return f"{rule.applies} {rule.sql}"


def _reads(rule: Rule) -> set[str]:
    """Return the counter's columns that the rule reads; what it reads of the goal is its choice."""
    of_goal = {"goal_id", "callback_goal_id"} if _READS_GOAL.search(_text(rule)) else set()
    return {*_READS.findall(_text(rule))} | of_goal


def _asks_channel(rule: Rule) -> bool:
    return bool(_READS_CHANNEL.search(_text(rule)))


def _relation(part: Part, counter: Counter, prefix: str) -> tuple[str, dict[str, Any]]:
    """Return SQL of a lateral relation with the place of the refusing rule, and its parameters."""
    cases = " ".join(f"WHEN {_refuses(rule)} THEN {place}" for place, rule in part.rules)
    return _evaluated(f"CASE {cases} END AS place", counter, part.channel, prefix)


def _refuses(rule: Rule) -> str:
    """Return the rule's SQL over columns of `judged_calls`, and over each of the goals apart.

    So what it asks of a goal is a condition of constants.
    """
    sql = rule.refuses
    for fits, value in FITS.items():
        column = f"c.{_FITS[fits]}"
        sql = sql.replace(f"{value} <> '' AND {fits}", column).replace(fits, column)
    if not _READS_GOAL.search(sql):
        return sql
    of_callbacks, of_others = (_READS_GOAL.sub(goal, sql) for goal in ("gc.", "gi."))
    return f"(({HAS_OTHER_GOAL}) AND {of_callbacks} OR NOT ({HAS_OTHER_GOAL}) AND {of_others})"


def _evaluated(
    expression: str, counter: Counter, channel: Channel | None, prefix: str
) -> tuple[str, dict[str, Any]]:
    """Return SQL of a lateral relation with an expression over c, k, g and ch; its parameters."""
    settings, values = constants(counter, f"{prefix}k")
    goal, of_goal = constants(counter.goal or Goal(), f"{prefix}gi")
    callbacks, of_callbacks = constants(counter.callback_goal or Goal(), f"{prefix}gc")
    return (
        f"(SELECT {expression} FROM {settings} AS k CROSS JOIN {goal} AS gi"
        f" CROSS JOIN {callbacks} AS gc CROSS JOIN LATERAL {GOAL_OF_CALL}"
        f" CROSS JOIN (SELECT {int(channel or 0)} AS channel) AS ch)",
        values | of_goal | of_callbacks,
    )


def compared_with(
    rule: Rule, counter: Counter, channel: Channel, call_id: int
) -> Sequence[Any] | None:
    """Return what the rule compares of a stored call with the settings; None when nothing."""
    if not rule.compared:
        return None
    sql, values = _evaluated(f"{rule.compared} AS compared", counter, channel, "p")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.compared FROM calls_call c CROSS JOIN LATERAL {sql} AS p"
            " WHERE c.id = %(call)s AND c.cabinet_id = %(cabinet)s",
            values | {"call": call_id, "cabinet": counter.cabinet_id},
        )
        row = cursor.fetchone()
    compared: Sequence[Any] | None = json.loads(row[0]) if row and row[0] else None
    return compared


def constants(instance: models.Model, prefix: str) -> tuple[str, dict[str, Any]]:
    """Return SQL of the instance as a relation of one row, and its parameters named by ``prefix``.

    The columns are those of its table, with the values of the instance, saved or not.
    """
    columns, values = [], {}
    for field in type(instance)._meta.concrete_fields:
        name = f"{prefix}_{field.column}"
        columns.append(f"%({name})s::{field.rel_db_type(connection)} AS {field.column}")
        values[name] = field.get_db_prep_save(getattr(instance, field.attname), connection)
    return f"(SELECT {', '.join(columns)})", values
