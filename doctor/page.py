"""Template context of the page «Проверка подключения»."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.utils.functional import Promise

from cabinets.models import Cabinet
from counters.models import Counter
from counters.pages.status import WORKS, status_of_counter
from doctor.findings.added import checks_added
from doctor.findings.check import Check, worst_tone
from doctor.findings.of_accounts import checks_of_accounts
from doctor.findings.of_counters import checks_of_counters
from doctor.findings.of_sources import checks_of_sources
from doctor.models import Examination
from doctor.run import progress_of

#: Counters with faults on the page; the others are in the list of counters.
MAX_SHOWN = 50


@dataclass(frozen=True)
class Part:
    """What was checked together: an account, a counter, the sources."""

    title: str
    note: str
    checks: list[Check]
    is_off: bool = False

    @property
    def tone(self) -> str:
        """The worst of its checks."""
        return worst_tone(self.checks)

    @property
    def faults(self) -> list[Check]:
        """Those about which something has to be done."""
        return [one for one in self.checks if one.is_fault]


def doctor_context(cabinet: Cabinet, *, counter: int | None, now: datetime) -> dict[str, Any]:
    """Return the findings of the whole cabinet, or of the one ``counter`` with its account.

    The number of queries does not depend on how many accounts and counters there are.
    """
    present = cabinet.counters.present().with_account()
    counters = list(present.select_related("account", "goal", "callback_goal"))
    only = [one for one in counters if one.pk == counter]
    shown = only or counters
    accounts = _accounts(cabinet, only)
    parts = _of_accounts(accounts, now)
    of_counters = _of_counters(shown, now)
    troubled = [part for part in of_counters if part.faults]
    sources = Part("", "", checks_of_sources(cabinet, now=now))
    alerts = Part("", "", checks_added(cabinet, only[0].pk if only else None))
    every = (*parts, *of_counters, sources, alerts)
    return {
        "only": only[0] if only else None,
        "idle": _idle_text(only[0]) if only else "",
        "sources": sources,
        "alerts": alerts,
        "account_parts": parts,
        "counter_parts": of_counters if only else troubled[:MAX_SHOWN],
        "unshown": max(len(troubled) - MAX_SHOWN, 0),
        "fine_count": sum(not (part.faults or part.is_off) for part in of_counters),
        "off_count": sum(part.is_off for part in of_counters),
        "counters_count": len(of_counters),
        "faults_count": sum(len(part.faults) for part in every),
        "checks_count": sum(len(part.checks) for part in every),
        "progress": progress_of(cabinet),
        "last": Examination.objects.filter(cabinet=cabinet).first(),
    }


def _accounts(cabinet: Cabinet, only: Sequence[Counter]) -> list[Any]:
    """Return the linked accounts, and the disconnected ones that still have counters."""
    present = Q(counters__removed_at=None, counters__pk__isnull=False)
    every: Any = cabinet.yandex_accounts.defer("access_token", "refresh_token").annotate(
        counters_present=Count("counters", filter=present),
        counters_in_use=Count("counters", filter=present & Q(counters__enabled=True)),
    )
    if only:
        every = every.filter(pk=only[0].account_id)
    return [one for one in every.order_by("login", "pk") if one.is_linked or one.counters_present]


def _idle_text(counter: Counter) -> str | Promise:
    """Return why a counter sends nothing although nothing is wrong with it; '' if it does."""
    status = status_of_counter(counter)
    return "" if status is WORKS else status.text


def _of_accounts(accounts: Sequence[Any], now: datetime) -> list[Part]:
    checks = checks_of_accounts(accounts, now=now)
    return [Part(one.login, "", checks[one.pk]) for one in accounts]


def _of_counters(counters: Sequence[Counter], now: datetime) -> list[Part]:
    checks = checks_of_counters(counters, now=now)
    found = [
        Part(one.name, f"{one.account.login} · {one.number}", checks[one.pk], not one.enabled)
        for one in counters
    ]
    return sorted(found, key=lambda part: part.title.casefold())
