"""Generates calls in the format of CallKeeper's v3 API; the same seed gives the same calls."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

#: Share of calls by hour of the day in the customer's zone: few at night.
HOURS = (2, 1, 1, 1, 1, 1, 2, 5, 12, 22, 27, 26, 22, 23, 25, 24, 22, 18, 12, 8, 5, 3, 2, 1)
ZONE = ZoneInfo("Europe/Moscow")
MOST_ATTEMPTS = 3
#: Two more attempts begin within this time, so that all of them are inside the span.
LAST_ATTEMPTS_TAKE = timedelta(minutes=20)
#: (first code, second code, talked, share): `call-tracking` codes as CallKeeper writes them.
OUTCOMES: tuple[tuple[int, int, bool, int], ...] = (
    (200, 200, True, 74),
    (487, 0, False, 9),
    (486, 0, False, 6),
    (480, 0, False, 5),
    (200, 487, False, 3),
    (813, 0, False, 2),
    (790, 0, False, 1),
)
SOURCES = (("yandex", "cpc"), ("google", "organic"), ("yandex", "organic"), ("", ""), ("vk", "cpc"))
TAGS = ("Целевой", "Уникальный", "Запись на замер", "Вопрос о цене", "Спам", "Повторный")


@dataclass(frozen=True)
class Place:
    """A site with its campaigns."""

    site: str
    dynamic_campaign: tuple[int, str]
    static_campaign: tuple[int, str]
    #: Shares of the visitors with a ClientID, and of those with the yclid of an advertisement only.
    #: Of the others nothing is known: they block the counter.
    with_client_id: float = 0.88
    with_yclid: float = 0.07
    #: Of the ClientIDs, those of another system of analytics, which Metrika does not know.
    of_other_system: float = 0.0


PLACES = (
    Place("okna-stolica.example", (1000, "Сайт: окна"), (1001, "Наружная реклама")),
    Place("balkon.okna-stolica.example", (1002, "Сайт: балконы"), (1003, "Листовки")),
    Place("mysite.ru", (1004, "Основной сайт"), (1005, "Визитки")),
)


class CallGenerator:
    """Generates calls. ``prefix`` makes the ids of two generators distinct."""

    def __init__(self, *, seed: int, prefix: str = "7", places: tuple[Place, ...] = PLACES) -> None:
        self._random = random.Random(seed)
        self._prefix = prefix
        self._places = places
        self._number = 0

    def between(self, start: datetime, end: datetime, count: int) -> list[dict[str, Any]]:
        """Return about ``count`` records of calls within the span, in order of time.

        The attempts of one callback order count one each, so there may be two more.
        """
        records: list[dict[str, Any]] = []
        while len(records) < count:
            records += self._order(self._moment(start, end))
        inside = [one for one in records if ended_at(one) < end]
        return sorted(inside, key=lambda one: str(one["callTime"]))

    def endless(self, moment: datetime) -> Iterator[dict[str, Any]]:
        """Yield records that all begin around one moment."""
        while True:
            yield from self._order(moment - timedelta(seconds=self._random.randrange(3600)))

    def _moment(self, start: datetime, end: datetime) -> datetime:
        """Return a moment of the span, by day more often than by night."""
        seconds = (end - start - LAST_ATTEMPTS_TAKE).total_seconds()
        while True:
            moment = start + timedelta(seconds=int(self._random.uniform(0, seconds)))
            if self._random.random() < HOURS[moment.astimezone(ZONE).hour] / max(HOURS):
                return moment

    def _order(self, moment: datetime) -> list[dict[str, Any]]:
        kind = self._random.choices(("dynamic", "static", "callback"), weights=(55, 20, 25))[0]
        place = self._random.choice(self._places)
        if kind == "callback":
            return self._attempts(place, moment)
        return [self._incoming(place, moment, is_static=kind == "static")]

    def _attempts(self, place: Place, moment: datetime) -> list[dict[str, Any]]:
        person = self._person(place, moment)
        attempts: list[dict[str, Any]] = []
        for attempt in range(1, MOST_ATTEMPTS + 1):
            record = self._record(place, moment, person) | {
                "serviceType": "callback",
                "cbCallId": 50_000_000 + self._number,
                "cbAttempt": attempt,
                "cbAttemptsQueue": [one["cbCallId"] for one in attempts],
                "cbToolName": "Виджет обратного звонка",
                "cbEventSource": self._random.choice(("widget", "mobile", "lg", "form")),
            }
            attempts.append(record)
            if record["status"] == "success" or self._random.random() < 0.4:
                break
            moment += timedelta(minutes=self._random.randrange(2, 9))
        return attempts

    def _incoming(self, place: Place, moment: datetime, *, is_static: bool) -> dict[str, Any]:
        person = self._person(place, moment)
        campaign = place.static_campaign if is_static else place.dynamic_campaign
        record = self._record(place, moment, person) | {
            "serviceType": "calltracking",
            "callType": "Статический коллтрекинг" if is_static else "Динамический коллтрекинг",
            "ctCampaignId": campaign[0],
            "ctCampaignName": campaign[1],
        }
        if is_static:
            record |= {"yaClid": "", "callPage": "", "entryPointQuery": "", "pagesCount": 0}
        return record

    def _person(self, place: Place, moment: datetime) -> dict[str, Any]:
        chance = self._random.random()
        with_any = place.with_client_id + place.with_yclid
        yclid = str(self._random.randrange(10**18, 9 * 10**18))
        return {
            "clientNumber": f"7900{self._random.randrange(10**7):07d}",
            "yaClid": self._client_id(place, moment) if chance < place.with_client_id else "",
            "yclid": yclid if place.with_client_id <= chance < with_any else "",
            "city": self._random.choice(("Москва", "Екатеринбург", "Казань", "Тула")),
        }

    def _client_id(self, place: Place, moment: datetime) -> str:
        """Return a ClientID as Metrika's tag makes it, or a number of another system."""
        first_visit = int((moment - self._known_for()).timestamp())
        digits = self._random.randrange(10**9)
        if self._random.random() < place.of_other_system:
            # The sandbox knows no visit of an identifier that ends in 9.
            return f"5{digits:09d}{first_visit // 100}9"
        return f"{first_visit}{digits:09d}"

    def _known_for(self) -> timedelta:
        """Return how long before the call its visitor came first: many on the same day."""
        return timedelta(seconds=60 + int(self._random.expovariate(1 / 400_000)))

    def _record(self, place: Place, moment: datetime, person: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        weights = [share for *_codes, share in OUTCOMES]
        first, second, talked, _share = self._random.choices(OUTCOMES, weights=weights)[0]
        duration = int(self._random.lognormvariate(4.6, 0.8)) if talked else 0
        is_unique = self._random.random() < 0.6
        is_target = duration >= 120
        source, medium = self._random.choice(SOURCES)
        page = f"https://{place.site}/{self._random.choice(('', 'ceny', 'kontakty', 'akcii'))}"
        click = f"?yclid={person['yclid']}" if person["yclid"] else ""
        return {
            "universalId": f"{self._prefix}{self._number:011d}",
            "clientNumber": person["clientNumber"],
            "managerNumber": "74950000000",
            "statusFirst": first,
            "statusSecond": second,
            "status": "success" if talked else "fail",
            "callTime": moment.isoformat(),
            "duration": duration,
            "tariffTime": -(-duration // 60),
            "site": place.site,
            "unique": is_unique,
            "target": is_target,
            "uniqueTarget": is_unique and is_target,
            "utm_source": source,
            "utm_medium": medium,
            "yaClid": person["yaClid"],
            "city": person["city"],
            "country": "Россия",
            "pagesCount": self._random.randrange(1, 12),
            "callPage": page,
            "entryPointQuery": f"{page}{click}",
            "tags": self._random.sample(TAGS, self._random.choice((0, 0, 1, 1, 2))),
        }


def ended_at(record: dict[str, Any]) -> datetime:
    """Return when the call of a record ended."""
    return datetime.fromisoformat(record["callTime"]) + timedelta(seconds=record["duration"])
