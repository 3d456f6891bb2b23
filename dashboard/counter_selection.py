"""Which counters of a cabinet the list shows, and in which order, before their rows are loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.http import QueryDict

from cabinets.models import Cabinet
from calls.queries.stats import sent_totals
from counters.models import Counter
from counters.pages.query_values import number_or_none
from dashboard.counter_states import counter_states

NEVER = datetime.min.replace(tzinfo=UTC)
#: The filter of counters for which something has to be done.
TROUBLE = "trouble"
OFF = "off"
STATES = (TROUBLE, OFF)
SORT_BY_SENT = "sent"
MAX_SEARCH = 200


def _by_name(counter: Counter) -> Any:
    return counter.name.casefold(), counter.number


def _by_sync(counter: Counter) -> Any:
    """Counters that wait for their settings come first, to be found above those that work."""
    return counter.configured_at is None, counter.last_synced_at or NEVER


#: Orders of the list: sort key, and whether the greatest comes first. Ties are sorted by name.
SORTS: dict[str, tuple[Callable[[Counter], Any], bool]] = {
    "synced": (_by_sync, True),
    "name": (_by_name, False),
    SORT_BY_SENT: (lambda counter: 0, True),
    "added": (lambda counter: counter.added_at, True),
}
DEFAULT_SORT = "synced"


@dataclass(frozen=True)
class Selection:
    """What the person asked the list for; ``account`` is the id of an account or None."""

    account: int | None = None
    search: str = ""
    #: One of `STATES`, or ''.
    state: str = ""
    sort: str = DEFAULT_SORT

    @property
    def is_narrowed(self) -> bool:
        """Whether it may leave counters of the cabinet out."""
        return self.account is not None or bool(self.search or self.state)

    def values(self) -> list[tuple[str, str]]:
        """Return the parameters of the URL that ask for it, without the defaults."""
        given = {
            "account": str(self.account or ""),
            "q": self.search,
            "state": self.state,
            "sort": "" if self.sort == DEFAULT_SORT else self.sort,
        }
        return [(name, value) for name, value in given.items() if value]

    def of_accounts(self, accounts: Iterable[int]) -> Selection:
        """Return it without an account that is none of the cabinet's."""
        return replace(self, account=self.account if self.account in set(accounts) else None)

    def known(self) -> Selection:
        """Return it with the defaults in place of what does not exist."""
        return replace(
            self,
            state=self.state if self.state in STATES else "",
            sort=self.sort if self.sort in SORTS else DEFAULT_SORT,
        )


def selection_of(values: QueryDict) -> Selection:
    """Return what the parameters of the URL, or of the form with them, ask for."""
    return Selection(
        account=number_or_none(values.get("account", "")),
        search=values.get("q", "")[:MAX_SEARCH].strip(),
        state=values.get("state", ""),
        sort=values.get("sort", DEFAULT_SORT),
    ).known()


def chosen_counters(cabinet: Cabinet, selection: Selection, *, now: datetime) -> list[Counter]:
    """Return the counters in their order, with their details.

    One query; two more to sort by what was sent, and those of `counter_states` to find trouble.
    """
    present = (
        cabinet.counters.present()
        .with_account()
        .select_related("account", "goal", "callback_goal", "cabinet")
    )
    if selection.account is not None:
        present = present.filter(account_id=selection.account)
    if selection.state == OFF:
        present = present.filter(enabled=False)
    words = _plain(selection.search).split()
    found = [one for one in present if _matches(one, words)]
    if selection.state == TROUBLE:
        states = counter_states(cabinet, found, now=now)
        found = [one for one in found if not states[one.pk].is_fine]
    return _sorted(found, selection.sort, now)


def _matches(counter: Counter, words: list[str]) -> bool:
    """Return whether each word is in the name, number, site or account."""
    texts = (counter.name, str(counter.number), counter.site, counter.account.login)
    written = _plain("\n".join(texts))
    return all(word in written for word in words)


def _plain(text: str) -> str:
    """«е» matches «ё» and the other way round: few people type the dots."""
    return text.casefold().replace("ё", "е")


def _sorted(counters: list[Counter], sort: str, now: datetime) -> list[Counter]:
    key, greatest_first = SORTS[sort]
    if sort == SORT_BY_SENT:
        totals = sent_totals(counters, now=now)
        return sorted(
            sorted(counters, key=_by_name), key=lambda one: totals[one.pk].total, reverse=True
        )
    return sorted(sorted(counters, key=_by_name), key=key, reverse=greatest_first)
