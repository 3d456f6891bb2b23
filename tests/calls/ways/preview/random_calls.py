"""Random calls of a cabinet, and random settings of its counters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

from django.utils import timezone

from cabinets.models import CallSource
from counters.models import Counter
from tests import factories

SITES = ["okna-stolica.example", "www.okna-stolica.example", "dveri.example", "", "не сайт"]
KINDS: Sequence[dict[str, Any]] = (
    {},
    {"callType": "Статический коллтрекинг"},
    {"callType": ""},
    {"serviceType": "callback"},
)
VISITORS: Sequence[dict[str, Any]] = (
    {},
    {"yaClid": ""},
    {"yaClid": "", "yclid": "123456789"},
    {"yaClid": "1,71803E+18"},
    {"yaClid": "", "userId": "client-77"},
)


def random_settings(random: Random, source: CallSource, counters: int) -> list[Counter]:
    """Make so many counters of the source's cabinet."""
    account = factories.make_account(cabinet=source.cabinet)
    return [_counter(random, account) for _number in range(counters)]


def _counter(random: Random, account: Any) -> Counter:
    counter = factories.make_counter(
        account=account,
        enabled=random.random() < 0.9,
        send_calls=random.random() < 0.8,
        call_kind=random.choice(Counter.CallKind.values),
        accepts_dynamic=random.random() < 0.8,
        accepts_static=random.random() < 0.8,
        min_duration_seconds=random.choice([0, 0, 30]),
        call_status=random.choice(Counter.CallStatus.values),
        uniqueness=random.choice(Counter.Uniqueness.values),
        defer_value=random.choice([0, 0, 2]),
        defer_unit=random.choice(Counter.DeferUnit.values),
        tag_mode=random.choice(Counter.TagMode.values),
        manual_tag_callback="Перезвон",
        manual_tag_incoming='Окна, "балкон"',
        site_mode=random.choice(Counter.SiteMode.values),
        site_hosts=random.choice([[], ["dveri.example"]]),
        with_subdomains=random.random() < 0.5,
        campaigns=random.choice([[], [], ["1000"], ["Распродажа", "7"]]),
        price=random.choice([None, "1500.50"]),
        phone_mode=random.choice(Counter.PhoneMode.values),
        unlinked_mode=random.choice(Counter.UnlinkedMode.values),
        skip_technical=random.random() < 0.5,
        last_attempt_only=random.random() < 0.5,
        configured_at=timezone.now() if random.random() < 0.9 else None,
    )
    if random.random() < 0.5:
        counter.goal = factories.make_goal(counter=counter)
        counter.save(update_fields=["goal"])
    return counter


def random_records(random: Random, count: int) -> list[Any]:
    """Return so many records: some are bad, some are versions of one call, some of one order."""
    records: list[Any] = []
    while len(records) < count:
        if records and random.random() < 0.1:
            records.append(random.choice(records) | {"tags": ["Ещё"], "duration": 40})
        else:
            records.append(_record(random))
    return records


def _record(random: Random) -> dict[str, Any]:
    age = timedelta(minutes=random.choice([5, 90, 3000, 60 * 24 * 20, 60 * 24 * 30]))
    record = factories.v3_record(
        callTime=(timezone.now() - age).isoformat(),
        duration=random.choice([0, 10, 29, 30, 152]),
        site=random.choice(SITES),
        clientNumber=random.choice(["79161234567", "8 916 765-43-21", "123", ""]),
        unique=random.random() < 0.5,
        target=random.random() < 0.5,
        status=random.choice(["success", "fail", ""]),
        statusFirst=random.choice([200, 480, 487]),
        statusSecond=random.choice([0, 200, 486]),
        ctCampaignId=random.choice(["1000", "7", ""]),
        ctCampaignName=random.choice(["Распродажа", ""]),
        tags=random.choice([[], ["Целевой"], ["a", 'b,"c"']]),
        **random.choice(KINDS),
    )
    del record["uniqueTarget"]
    if record["serviceType"] == "callback":
        record |= {"cbCallId": random.randint(500, 540), "cbAttempt": random.randint(1, 4)}
        record["cbAttemptsQueue"] = random.choice([[], [500], [501, 502]])
    record |= random.choice(VISITORS)
    bad = random.random()
    if bad < 0.03:
        record["callTime"] = "вчера"
    elif bad < 0.05:
        record["duration"] = "долго"
    return record
