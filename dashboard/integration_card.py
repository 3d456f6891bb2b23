"""The card of the integration: the worst state of the cabinet's counters and accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinets.models import Cabinet
from cabinets.plurals import plural
from counters.pages.status import CounterStatus, status_of_account
from dashboard.counter_states import TONES, CounterState, counter_states, worst_of
from integrations.models import YandexAccount

NO_COUNTERS = CounterStatus(gettext_lazy("Подключено, счетчики не выбраны"), "info")


@dataclass(frozen=True)
class Card:
    """The foot of the card: a state in a few words, and its tone."""

    text: str | Promise
    tone: str

    @property
    def look(self) -> str:
        """Return the ending of the CSS class."""
        if self.tone in ("danger", "warning"):
            return "waits"
        return "on" if self.tone == "success" else "idle"


def card_of(cabinet: Cabinet, accounts: Sequence[YandexAccount], *, now: datetime) -> Card | None:
    """Return the worst state, with the number of counters in it; None if nothing is connected.

    ``accounts`` are the linked ones.
    """
    counters = list(cabinet.counters.present().with_details().order_by("name", "number"))
    states = list(counter_states(cabinet, counters, now=now).values())
    worst = worst_of(states)
    of_accounts = _worst_account(accounts)
    if worst is None:
        status = of_accounts or NO_COUNTERS
        return Card(status.text, status.tone) if accounts else None
    if of_accounts and TONES.index(of_accounts.tone) > TONES.index(worst.tone):
        return Card(of_accounts.text, of_accounts.tone)
    return Card(_counted(worst, [state.group for state in states]), worst.tone)


def _worst_account(accounts: Sequence[YandexAccount]) -> CounterStatus | None:
    """Return what stops one of the accounts; each of them stops all its counters."""
    return next(filter(None, map(status_of_account, accounts)), None)


def _counted(worst: CounterState, groups: list[str | Promise]) -> str:
    """Return the state, with how many of the counters are in it unless it is the only one."""
    if len(groups) == 1:
        return str(worst.text)
    count = groups.count(worst.group)
    if count == len(groups):
        return str(worst.group)
    words = plural(
        len(groups),
        _("%(count)d из %(all)d счетчика: «%(text)s»"),
        _("%(count)d из %(all)d счетчиков: «%(text)s»"),
        _("%(count)d из %(all)d счетчиков: «%(text)s»"),
    )
    return words % {"text": worst.group, "count": count, "all": len(groups)}
