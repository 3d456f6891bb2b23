"""Statements that PostgreSQL plans once a session instead of at each execution.

A statement is prepared under a name made of its text. Which of them the session has is asked for in
each transaction (`HELD_SQL`, a column of its first statement) and never remembered: after a
reconnect or DISCARD ALL, and behind a pooler that gives each transaction another session, the next
transaction prepares it again, and none fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from typing import Any

from django.db import OperationalError, connection, transaction

from calls.runtime.copying import array_of

#: SQL array of those of %(prepared)s, names of statements, that this session has prepared.
HELD_SQL = (
    """ARRAY(SELECT name FROM pg_prepared_statements WHERE name = ANY (%(prepared)s::text[]))"""
)

# The plan outlives the statistics it was made with: a month that is empty then, and would be read
# whole, has a million rows later. Parameters choose the months when the plan is executed.
_PLANNED_ONCE = "SET LOCAL plan_cache_mode = force_generic_plan; SET LOCAL enable_seqscan = off"
#: SQL column that ends this for the rest of the transaction, in a statement of `Prepared.rows`.
AS_BEFORE_SQL = """set_config('plan_cache_mode', 'auto', true)
    || set_config('enable_seqscan', 'on', true)"""
#: SQLSTATE of an EXECUTE of a name that the session does not have.
_NOT_PREPARED = "26000"
_AS_BEFORE = "SET LOCAL plan_cache_mode TO DEFAULT; SET LOCAL enable_seqscan TO DEFAULT"


@dataclass(frozen=True)
class Prepared:
    """A statement, and the SQL type of each of its parameters, ``%(name)s``."""

    label: str
    sql: str
    types: Mapping[str, str]

    @cached_property
    def name(self) -> str:
        """Return the name in the session; another text has another one."""
        return f"{self.label}_{sha256(self.as_sql.encode()).hexdigest()[:16]}"

    @cached_property
    def as_sql(self) -> str:
        """Return the statement with its parameters by number."""
        return self.sql % {name: f"${place}" for place, name in enumerate(self.types, 1)}

    def execute(self, parameters: Mapping[str, Any], *, held: Collection[str]) -> None:
        """Execute a statement without a result in one round trip, within a transaction.

        ``held``: what `HELD_SQL` returned in this transaction.
        """
        with connection.cursor() as cursor:
            self.prepare(cursor, held)
            cursor.execute(
                f"{_PLANNED_ONCE}; {self.execution}; {_AS_BEFORE}", _literals(parameters)
            )

    def rows(
        self, parameters: Mapping[str, Any], *, held: Collection[str]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that has `AS_BEFORE_SQL`; otherwise as `execute`."""
        with connection.cursor() as cursor:
            self.prepare(cursor, held)
            return self._fetched(cursor, parameters)

    def read(self, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that has `AS_BEFORE_SQL`, of a session not asked before.

        Outside a transaction, in one round trip: a session without the statement says so. Then it
        is repeated in a transaction, in which the session is asked first: a pooler may have chosen
        another one, which has the statement.
        """
        if not connection.in_atomic_block:
            try:
                with connection.cursor() as cursor:
                    return self._fetched(cursor, parameters)
            except OperationalError as error:
                if not is_not_prepared(error):
                    raise
        with transaction.atomic(savepoint=False):
            return self.rows(parameters, held=held_of([self]))

    def _fetched(self, cursor: Any, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        cursor.execute(f"{_PLANNED_ONCE}; {self.execution}", _literals(parameters))
        return list(cursor.fetchall())

    @cached_property
    def execution(self) -> str:
        """Return the statement that executes it, with its parameters by name."""
        return f"EXECUTE {self.name} ({', '.join(f'%({name})s' for name in self.types)})"

    def prepare(self, cursor: Any, held: Collection[str]) -> None:
        """Prepare it unless it is among those that are held."""
        if self.name not in held:
            cursor.execute(self._preparation)

    @property
    def _preparation(self) -> str:
        return f"PREPARE {self.name} ({', '.join(self.types.values())}) AS {self.as_sql}"


#: A statement with its parameters.
Step = tuple[Prepared, Mapping[str, Any]]


def rows_of_last(steps: Sequence[Step], *, held: Collection[str]) -> list[tuple[Any, ...]]:
    """Execute statements with their parameters in one round trip, within a transaction.

    Return the rows of the last one, which has `AS_BEFORE_SQL`. Each sees what was committed while
    those before it waited for locks. ``held``: as of `Prepared.execute`.
    """
    with connection.cursor() as cursor:
        for one in {one.name: one for one, _parameters in steps}.values():
            one.prepare(cursor, held)
        executions = [_PLANNED_ONCE]
        for one, parameters in steps:
            executions.append(cursor.mogrify(one.execution, _literals(parameters)).decode())
        cursor.execute("; ".join(executions))
        return list(cursor.fetchall())


def _literals(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with lists as literals; psycopg2 would adapt them item by item.

    A prepared statement declares the types of its parameters, so the literals need none.
    """
    return {
        name: array_of(map(str, value)) if type(value) is list and _has_items(value) else value
        for name, value in parameters.items()
    }


def _has_items(values: list[Any]) -> bool:
    """Whether `str` writes each item as PostgreSQL reads it; none is NULL or a list."""
    return {str, int, datetime}.issuperset(map(type, values))


def is_not_prepared(error: OperationalError) -> bool:
    """Whether the error is that the session has no statement of a name."""
    return getattr(error.__cause__, "pgcode", None) == _NOT_PREPARED


def held_of(statements: Iterable[Prepared]) -> frozenset[str]:
    """Return the names of those of the statements that this session has prepared."""
    with connection.cursor() as cursor:
        names = [one.name for one in statements]
        cursor.execute(f"SELECT {HELD_SQL}", {"prepared": names})
        return frozenset(cursor.fetchone()[0])
