"""When calls may be sent to a counter: one definition, rendered as Q, as SQL and for an instance.

Every query that depends on it renders these conditions, so that the batcher, the queue, the claim,
the backlog and the warnings mean the same counters. `calls.queries.blockers` names in Russian which
condition does not hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

from django.db import models
from django.db.models import Q

from counters.states import Access
from integrations.models import YandexAccount

ACCOUNT = "account__"


@dataclass(frozen=True)
class Condition:
    """A column of the counter, or of its account (`account__…`), and what it has to be."""

    column: str
    lookup: Literal["exact", "isnull", "in"]
    value: bool | str | tuple[str, ...]

    def as_q(self, prefix: str) -> Q:
        """Return the condition as Q of a model that reaches the counter by ``prefix``."""
        return Q(**{f"{prefix}{self.column}__{self.lookup}": self.value})

    def as_sql(self, counter: str, account: str) -> str:
        """Return the condition as SQL; the arguments are the aliases of the two tables."""
        if self.column.startswith(ACCOUNT):
            column = f"{account}.{self.column.removeprefix(ACCOUNT)}"
        else:
            column = f"{counter}.{self.column}"
        if self.lookup == "isnull":
            return f"{column} IS {'' if self.value else 'NOT '}NULL"
        if isinstance(self.value, bool):
            return f"{column} = {str(self.value).lower()}"
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        listed = ", ".join(f"'{value}'" for value in values)
        return f"{column} IN ({listed})"

    def holds(self, counter: models.Model) -> bool:
        """Whether the condition holds for this counter. Load it with its account."""
        actual: Any = reduce(getattr, self.column.split("__"), counter)
        if self.lookup == "isnull":
            return (actual is None) is self.value
        if isinstance(self.value, tuple):
            return actual in self.value
        return bool(actual == self.value)


#: Requests can be made with the token of the counter's account.
AUTHORISED = (Condition("account__state", "in", tuple(map(str, YandexAccount.USABLE))),)
#: The account has access to the counter, too.
REACHABLE = (Condition("access", "exact", Access.OK.value), *AUTHORISED)
#: Calls may be sent to the counter.
SENDABLE = (
    Condition("enabled", "exact", True),
    Condition("removed_at", "isnull", True),
    # A counter that was removed and added again takes no calls before its settings are saved.
    Condition("configured_at", "isnull", False),
    # Metrika refuses the counter's uploads: see `counters.stops`.
    Condition("stopped_cause", "exact", ""),
    *REACHABLE,
)

Conditions = tuple[Condition, ...]


def as_q(conditions: Conditions, prefix: str = "") -> Q:
    """Return the conditions as one Q: of `Counter`, or of a model with a path to it."""
    return reduce(lambda whole, one: whole & one.as_q(prefix), conditions, Q())


def as_sql(conditions: Conditions, *, counter: str = "k", account: str = "a") -> str:
    """Return the conditions as SQL for a statement that joins both tables."""
    return " AND ".join(one.as_sql(counter, account) for one in conditions)


def hold(conditions: Conditions, counter: models.Model) -> bool:
    """Whether all conditions hold for the counter. Load it with its account."""
    return all(one.holds(counter) for one in conditions)
