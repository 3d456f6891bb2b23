"""A model of visitors and their calls, with the faults of real installations laid over it.

Visits come first and calls follow them; a fault changes what the record of a call says of its
visitor, or keeps a visit from Metrika. Nothing here knows how the forecast judges.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bench.forecast.shares import Shares

DAY, HOUR, MINUTE = 86_400, 3600, 60
#: Sources of calls of a site; the second one has the systematic faults.
SECOND_SOURCE = 0.3
#: A caller who called before, and one who looked at the site again before it.
REPEATED, VISITED_AGAIN = 0.2, 0.6
#: The visitor came before the visit that led to the call.
RETURNING = 0.3
#: The number was kept: the call comes days after the visit.
KEPT_NUMBER, KEPT_DAYS = 0.15, 4
PLACEHOLDERS = ("1", "0", "undefined", "{{ym_client_id}}", "1111111111", "123456789")


@dataclass
class Visitor:
    """One browser, and the phones of its callers (an office has many)."""

    client_id: str
    yclid: str
    user_id: str
    phones: list[str]
    #: The first visit.
    first: int
    is_blocked: bool = False


@dataclass
class Site:
    """A site with one counter, and what is wrong with it as a whole."""

    number: int
    weight: float
    sets_user_id: bool
    has_auto_tagging: bool
    #: Sources whose ClientID is of another counter, or one that stands in a template.
    foreign_sources: tuple[int, ...] = ()
    constant: str = ""
    callers: list[Visitor] = field(default_factory=list)
    offices: list[Visitor] = field(default_factory=list)

    @property
    def host(self) -> str:
        """Its address."""
        return f"site{self.number}.example"


@dataclass(frozen=True)
class Told:
    """A call as its record says it, and the visits that Metrika has seen before it is sent."""

    site: Site
    source: int
    record: dict[str, Any]
    visits: list[dict[str, Any]]


def sites(random: Random, shares: Shares, count: int) -> list[Site]:
    """Return sites of different size; each systematic fault hits its share of them, rounded."""

    def hit(share: float) -> set[int]:
        return set(random.sample(range(count), round(share * count)))

    no_user, no_tagging = hit(shares.no_user_id_set), hit(shares.no_auto_tagging)
    foreign, constant = hit(shares.other_counter_always), hit(shares.template_constant)
    return [
        Site(
            number,
            random.lognormvariate(0, 0.8),
            number not in no_user,
            number not in no_tagging,
            random.choice([(1,), (0, 1)]) if number in foreign else (),
            _client_id(random, 1_700_000_000 + number) if number in constant else "",
        )
        for number in range(count)
    ]


class World:
    """Makes the calls of a scenario, day by day. The same seed makes the same ones."""

    def __init__(self, seed: str, shares: Shares, count: int, now: int) -> None:
        self._random = Random(seed)
        self._shares = shares
        self._now = now
        self._number = 0
        self.sites = sites(self._random, shares, count)

    def calls(self, begin: int, count: int) -> Iterator[Told]:
        """Yield calls of the day that begins at this second, and older ones that come that day."""
        weights = [site.weight for site in self.sites]
        moments = sorted(int(self._random.uniform(8 * HOUR, 20 * HOUR)) for _ in range(count))
        for moment in moments:
            (site,) = self._random.choices(self.sites, weights=weights)
            yield self._call(site, begin + moment)

    def _is(self, share: float) -> bool:
        return self._random.random() < share

    def _call(self, site: Site, at: int) -> Told:
        at = self._moment(at)
        source = int(self._is(SECOND_SOURCE))
        visitor, visits = self._visitor(site, at)
        seen = [] if visitor.is_blocked else [self._visit(site, visitor, one) for one in visits]
        told, more = self._identifiers(site, source, visitor, at)
        phone = self._random.choice(visitor.phones)
        return Told(site, source, self._record(site, at, phone) | told, seen + more)

    def _moment(self, at: int) -> int:
        """Return when the call was: a few come weeks later."""
        chance, shares = self._random.random(), self._shares
        if chance < shares.too_old:
            return self._now - int(self._random.uniform(21, 30) * DAY) - HOUR
        if chance < shares.too_old + shares.weeks_old:
            return self._now - int(self._random.uniform(13, 20.9) * DAY)
        return at

    def _visitor(self, site: Site, at: int) -> tuple[Visitor, list[int]]:
        """Return who calls, and the visits that are new with this call."""
        if self._is(self._shares.office):
            return self._office(site, at)
        if site.callers and self._is(REPEATED):
            visitor = self._random.choice(site.callers[-200:])
            if visitor.first < at:
                return visitor, [self._before(at)] if self._is(VISITED_AGAIN) else []
        last = self._before(at)
        visits = [last]
        if self._is(RETURNING):
            visits.append(last - int(self._random.expovariate(1 / (9 * DAY))) - HOUR)
        visitor = self._new(min(visits), [self._phone()])
        site.callers.append(visitor)
        return visitor, visits

    def _office(self, site: Site, at: int) -> tuple[Visitor, list[int]]:
        """Return a browser that many people use, such as one of a shop or a call centre."""
        visit = self._before(at)
        if not site.offices or self._is(0.03):
            phones = [self._phone() for _ in range(30)]
            first = min(visit, at) - int(self._random.uniform(0, 100) * DAY)
            site.offices.append(self._new(first, phones))
        return self._random.choice(site.offices), [visit] if self._is(0.5) else []

    def _new(self, first: int, phones: list[str]) -> Visitor:
        return Visitor(
            _client_id(self._random, first),
            str(self._random.randrange(10**18, 18 * 10**18)),
            f"u{self._random.randrange(10**9)}",
            phones,
            first,
            self._is(self._shares.blocked),
        )

    def _before(self, at: int) -> int:
        """Return the beginning of the visit that leads to a call."""
        if self._is(KEPT_NUMBER):
            return at - int(self._random.expovariate(1 / (KEPT_DAYS * DAY))) - HOUR
        return at - int(self._random.expovariate(1 / (6 * MINUTE))) - 5

    def _visit(self, site: Site, visitor: Visitor, at: int) -> dict[str, Any]:
        return {
            "client_id": visitor.client_id,
            "yclid": visitor.yclid if site.has_auto_tagging else "",
            "user_id": visitor.user_id if site.sets_user_id else "",
            "started_at": at,
        }

    def _identifiers(
        self, site: Site, source: int, visitor: Visitor, at: int
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return what the record says of the visitor, and visits after the call."""
        shares, chance = self._shares, self._random.random()
        for share, made in (
            (shares.static, self._static),
            (shares.no_identifier, dict),
            (shares.unreadable, self._unreadable),
            (shares.other_form, lambda: {"yaClid": self._other_form()}),
            (shares.yclid_only, lambda: {"yclid": visitor.yclid}),
            (shares.user_id_only, lambda: {"userId": visitor.user_id}),
        ):
            if chance < share:
                return made(), []
            chance -= share
        return self._client(site, source, visitor, at)

    def _client(
        self, site: Site, source: int, visitor: Visitor, at: int
    ) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        shares, random = self._shares, self._random
        if source and site.constant:
            return {"yaClid": site.constant}, []
        if source in site.foreign_sources or self._is(shares.other_counter):
            # The cookie of that counter is as old as its visits.
            return {"yaClid": _client_id(random, at - int(random.expovariate(1 / DAY)) - 60)}, []
        if self._is(shares.renewed_cookie):
            return {"yaClid": _client_id(random, at - random.randrange(30, 600))}, []
        if self._is(shares.later_visit):
            first = min(at + int(random.uniform(2 * HOUR, 3 * DAY)), self._now - MINUTE)
            later = self._new(first, visitor.phones)
            return {"yaClid": later.client_id}, [self._visit(site, later, first)]
        return {"yaClid": visitor.client_id}, []

    def _static(self) -> dict[str, Any]:
        return {"callType": "Статический коллтрекинг", "ctCampaignId": 1001}

    def _unreadable(self) -> dict[str, Any]:
        digits = str(self._random.randrange(10**18, 18 * 10**17))
        return {"yaClid": f"{digits[0]},{digits[1:6]}E+18"}

    def _other_form(self) -> str:
        """Return a placeholder, or a ClientID of Google Analytics."""
        if self._is(0.4):
            return self._random.choice(PLACEHOLDERS)
        first = self._now - self._random.randrange(90 * DAY)
        whole = f"{self._random.randrange(10**8, 2 * 10**9)}.{first}"
        return whole if self._is(0.7) else whole.partition(".")[0]

    def _phone(self) -> str:
        return f"7916{self._random.randrange(10**7):07d}"

    def _record(self, site: Site, at: int, phone: str) -> dict[str, Any]:
        self._number += 1
        return {
            "universalId": f"{self._number:011d}",
            "serviceType": "calltracking",
            "callType": "Динамический коллтрекинг",
            "ctCampaignId": 1000,
            "clientNumber": phone,
            "managerNumber": "74950000000",
            "statusFirst": 200,
            "statusSecond": 200,
            "status": "success",
            "callTime": at,
            "duration": int(self._random.lognormvariate(4.6, 0.8)),
            "site": site.host,
        }


def _client_id(random: Random, first_visit: int) -> str:
    """Return a ClientID as Metrika's tag makes it: the first visit, then random digits."""
    return f"{first_visit}{random.randrange(10**6, 10**9)}"
