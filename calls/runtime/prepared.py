"""Statements that PostgreSQL plans once a session instead of at each execution.

A statement is prepared under a name made of its text. Which of them the session has is asked for in
each transaction (`HELD_SQL`, a column of its first statement) and never remembered: after a
reconnect or DISCARD ALL, and behind a pooler that gives each transaction another session, the next
transaction prepares it again, and none fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from django.db import OperationalError, connection

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
            self._prepare(cursor, held)
            cursor.execute(f"{_PLANNED_ONCE}; {self._execution}; {_AS_BEFORE}", parameters)

    def rows(
        self, parameters: Mapping[str, Any], *, held: Collection[str]
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that has `AS_BEFORE_SQL`; otherwise as `execute`."""
        with connection.cursor() as cursor:
            self._prepare(cursor, held)
            return self._fetched(cursor, "", parameters)

    def read(self, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that has `AS_BEFORE_SQL`, of a session not asked before.

        Outside a transaction, in one round trip: a session without the statement says so, and is
        given it together with the next execution, as a pooler may choose another session for that.
        Within a transaction, which the error would end, the session is asked first.
        """
        if connection.in_atomic_block:
            return self.rows(parameters, held=held_of([self]))
        with connection.cursor() as cursor:
            try:
                return self._fetched(cursor, "", parameters)
            except OperationalError as error:
                if getattr(error.__cause__, "pgcode", None) != _NOT_PREPARED:
                    raise
            return self._fetched(cursor, f"{self._preparation}; ".replace("%", "%%"), parameters)

    def _fetched(
        self, cursor: Any, before: str, parameters: Mapping[str, Any]
    ) -> list[tuple[Any, ...]]:
        cursor.execute(f"{before}{_PLANNED_ONCE}; {self._execution}", parameters)
        return list(cursor.fetchall())

    @cached_property
    def _execution(self) -> str:
        return f"EXECUTE {self.name} ({', '.join(f'%({name})s' for name in self.types)})"

    def _prepare(self, cursor: Any, held: Collection[str]) -> None:
        if self.name not in held:
            cursor.execute(self._preparation)

    @property
    def _preparation(self) -> str:
        return f"PREPARE {self.name} ({', '.join(self.types.values())}) AS {self.as_sql}"


def held_of(statements: Iterable[Prepared]) -> frozenset[str]:
    """Return the names of those of the statements that this session has prepared."""
    with connection.cursor() as cursor:
        names = [one.name for one in statements]
        cursor.execute(f"SELECT {HELD_SQL}", {"prepared": names})
        return frozenset(cursor.fetchone()[0])
