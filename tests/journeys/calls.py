"""The calls of the main journey: generated ones, and unusual ones."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from devtools.demonstration.generator import CallGenerator
from tests.paths import PAYLOADS

Record = dict[str, Any]
SAMPLE = PAYLOADS / "callkeeper" / "v3-calls.json"
#: Enough for every rule to refuse something, which the test asserts.
COUNT = 1500
SEED = 20261123


def published_sample() -> list[Record]:
    """Return the record that CallKeeper's documentation of the v3 API shows, unchanged."""
    records: list[Record] = json.loads(SAMPLE.read_text(encoding="utf-8"))
    return records


def generated(now: datetime) -> list[Record]:
    """Return calls of all three kinds from the last twenty days; none of the last hour."""
    today = now.replace(microsecond=0)
    return CallGenerator(seed=SEED).between(
        today - timedelta(days=20), today - timedelta(hours=1), COUNT
    )


def odd_ones(now: datetime) -> list[Record]:
    """Return finished calls with unusual values."""
    moment = now - timedelta(days=2)
    plain = _plain(moment)
    return [
        next(plain)
        | {
            "tags": ['Балкон, "тёплый"', "=1+1", "две\nстроки", "🪟 окно"],
            "callPage": 'https://mysite.ru/?q="окна",двери',
        },
        # Two identifiers: the identifier order of each counter decides.
        next(plain) | {"entryPointQuery": "https://mysite.ru/?yclid=4242424242424242421"},
        next(plain) | {"yaClid": "", "entryPointQuery": "", "userId": "клиент-17"},
        next(plain) | {"callTime": moment.replace(microsecond=900_000).isoformat()},
        next(plain) | {"callTime": (now - timedelta(days=22)).isoformat()},
        next(plain) | {"callPage": "", "entryPointQuery": "https://mysite.ru/ceny?utm_term=а,б"},
        # A visitor that Metrika does not know.
        next(plain) | {"yaClid": "1718031415926535999"},
        next(plain)
        | {
            "serviceType": "callback",
            "callType": "",
            "cbCallId": 77_000_001,
            "cbAttempt": 1,
            "cbAttemptsQueue": [],
            "duration_sec": 95,
            "duration2_sec": 75,
        },
    ]


def going_on(now: datetime) -> Record:
    """Return a call in progress, without an outcome."""
    return next(_plain(now - timedelta(hours=1), prefix="93")) | {
        "statusFirst": 1,
        "statusSecond": 0,
        "status": "fail",
        "duration": 0,
    }


def finished(record: Record) -> Record:
    """Return the same call with its outcome."""
    return record | {"statusFirst": 200, "statusSecond": 200, "status": "success", "duration": 184}


def fresh(now: datetime) -> Record:
    """Return one more call that both counters take."""
    return next(_plain(now - timedelta(minutes=10), prefix="94"))


def _plain(moment: datetime, *, prefix: str = "92") -> Iterator[Record]:
    """Yield ordinary dynamic calls of one site, long enough for both counters."""
    for number in itertools.count(1):
        yield {
            "universalId": f"{prefix}{number:010d}",
            "serviceType": "calltracking",
            "callType": "Динамический коллтрекинг",
            "clientNumber": f"7916555{number:04d}",
            "managerNumber": "74950000000",
            "statusFirst": 200,
            "statusSecond": 200,
            "status": "success",
            "callTime": (moment + timedelta(minutes=number)).replace(microsecond=0).isoformat(),
            "duration": 75,
            "site": "mysite.ru",
            "unique": True,
            "target": False,
            "uniqueTarget": False,
            "yaClid": f"17180314159265{number:04d}1",
            "callPage": "https://mysite.ru/kontakty",
            "entryPointQuery": "https://mysite.ru/",
            "ctCampaignId": 1004,
            "ctCampaignName": "Основной сайт",
            "tags": ["Целевой"],
        }
