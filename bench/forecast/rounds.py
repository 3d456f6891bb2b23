"""Takes the calls of a simulated world the way of the product, and keeps what was forecast.

Day by day: calls come through the API, what is forecast of each row before it is sent is kept in a
table of this tool, files go to the sandbox over HTTP, and Metrika's logs of the day are read.
"""

from __future__ import annotations

import json
from collections import Counter as Counts
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.utils import timezone

from bench import world
from bench.forecast.visitors import Told, World
from bench.sandbox import Sandbox
from cabinets.sources import create_source
from calls.delivery import sender_loop
from calls.forecast.sql import forecast_sql
from calls.models import Delivery, LogRequest, Upload
from calls.proof import run
from calls.states import DeliveryState, LinkResult
from counters.models import Counter

ZONE = ZoneInfo("Europe/Moscow")
#: Days of calls, each sent and proved before the next one; the last one is yesterday.
DAYS = 7
#: As old as a call may be that comes with the last day.
OLDEST = 22
MAX_STEPS = 1000
TABLE = "forecast_told"

_MAKE = f"""DROP TABLE IF EXISTS {TABLE};
CREATE UNLOGGED TABLE {TABLE} (
    call_id bigint, partition_at timestamptz, counter_id bigint, channel int,
    round int NOT NULL, forecast text NOT NULL,
    PRIMARY KEY (call_id, counter_id, channel)
)"""
_TELL = f"""INSERT INTO {TABLE}
SELECT d.call_id, d.partition_at, d.counter_id, d.channel, %(round)s,
       {forecast_sql("d", "c", now="%(now)s::timestamptz")}
FROM calls_delivery d JOIN calls_call c ON c.id = d.call_id AND c.partition_at = d.partition_at
WHERE NOT EXISTS (
    SELECT 1 FROM {TABLE} t WHERE (t.call_id, t.counter_id, t.channel)
        = (d.call_id, d.counter_id, d.channel))"""
_IS_LINKED = f"coalesce(p.result, 0) = {LinkResult.LINKED:d}"
#: A row that was not sent is with no visit; one that was sent and is not proved is left out.
_FOUND = f"""
SELECT k.place, t.round, d.upload_id IS NOT NULL,
       split_part(t.forecast, ':', 1), split_part(t.forecast, ':', 2),
       split_part(t.forecast, ':', 6), count(*), count(*) FILTER (WHERE {_IS_LINKED}),
       sum(split_part(t.forecast, ':', 3)::float8),
       sum((({_IS_LINKED})::int - split_part(t.forecast, ':', 3)::float8) ^ 2)
FROM {TABLE} t
JOIN calls_delivery d ON d.call_id = t.call_id AND d.partition_at = t.partition_at
    AND d.counter_id = t.counter_id AND d.channel = t.channel
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM counters_counter) k
    ON k.id = t.counter_id
LEFT JOIN calls_linkproof p ON p.upload_id = d.upload_id AND p.row_number = d.row_number
WHERE d.upload_id IS NULL OR p.id IS NOT NULL
GROUP BY 1, 2, 3, 4, 5, 6"""
_PROOFS = """
SELECT u.uploading_id, extract(epoch FROM c.started_at)::bigint,
       CASE WHEN u.is_static THEN '' WHEN u.id_kind = 1 THEN c.client_id
            WHEN u.id_kind = 2 THEN c.yclid ELSE c.user_id END, p.visit_id
FROM calls_linkproof p JOIN calls_upload u ON u.id = p.upload_id
JOIN calls_call c ON c.id = p.call_id AND c.partition_at = p.partition_at"""


class Group(NamedTuple):
    """Rows of one counter and day with one forecast, those that were sent or not."""

    place: int
    round: int
    is_sent: bool
    value: str
    cause: str
    own_cause: str
    rows: int
    linked: int
    #: The sums of what was forecast, and of its squared differences from the truth.
    expected: float
    squares: float

    @property
    def is_held_out(self) -> bool:
        """Whether the probabilities are judged by this counter, and not fitted on it."""
        return self.place % 2 == 0


@dataclass
class Judged:
    """What a scenario gave: the forecasts beside the proofs, and the proofs beside the truth."""

    calls: int
    groups: list[Group]
    proofs: int
    wrong_proofs: int
    #: Sent rows without a proof.
    unproved: int


class Cabinet:
    """The cabinet of a scenario, with a counter a site that the sandbox knows, and two sources."""

    def __init__(self, sandbox: Sandbox, made: World) -> None:
        world.forget_calls()
        self.sandbox = sandbox
        self.owner = world.make_world(len(made.sites))
        second, secret = create_source(
            cabinet=self.owner.cabinet, name="second", time_zone="Europe/Moscow"
        )
        other = world.World(
            self.owner.cabinet, self.owner.person, second, str(secret), self.owner.counters
        )
        self.sources = (self.owner, other)
        self.numbers = sandbox.add_counters(len(made.sites))
        account = self.owner.counters[0].account
        sandbox.allow(account.access_token, " ".join(account.scopes))
        for counter, site, number in zip(
            self.owner.counters, made.sites, self.numbers, strict=True
        ):
            Counter.objects.filter(pk=counter.pk).update(
                number=number,
                site=site.host,
                site_host=site.host,
                site_mode=Counter.SiteMode.OWN,
                time_zone=ZONE.key,
                link_proof=True,
            )

    def take(self, told: Sequence[Told]) -> None:
        """Tell the sandbox the visits, and the product the calls."""
        visits: dict[int, list[dict[str, Any]]] = defaultdict(list)
        records: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for one in told:
            visits[self.numbers[one.site.number]] += one.visits
            records[one.source].append(one.record)
        for number in self.numbers:
            self.sandbox.add_visits(visits[number], counter=number)
        for source, found in records.items():
            for chunk in world.chunks(found):
                self.sources[source].post(json.dumps(chunk, ensure_ascii=False).encode())

    def prove(self, first: date, last: date) -> None:
        """Read the logs of these days of every counter."""
        for counter in self.owner.counters:
            prove(counter.pk, first, last)


def run_scenario(sandbox: Sandbox, made: World, calls: int, now: datetime) -> Judged:
    """Take so many calls through the product, a day after the other."""
    cabinet, today = Cabinet(sandbox, made), now.astimezone(ZONE).date()
    world.execute(_MAKE)
    for number in range(DAYS):
        day = today - timedelta(days=DAYS - number)
        begin = int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp())
        share = calls * (number + 1) // DAYS - calls * number // DAYS
        cabinet.take(list(made.calls(begin, share)))
        world.analyze()
        world.execute(_TELL, {"round": number, "now": timezone.now()})
        send_waiting()
        is_last = number == DAYS - 1
        cabinet.prove(today - timedelta(days=OLDEST) if is_last else day, day)
    return judged(sandbox, cabinet.numbers)


def judged(sandbox: Sandbox, numbers: Sequence[int]) -> Judged:
    """Compare what was forecast with the proofs, and the proofs with the truth."""
    groups = [Group(*row) for row in world.rows(_FOUND)]
    true = Counts(
        (uploading, moment, identifier, visit or "")
        for number in numbers
        for _row, uploading, _channel, identifier, moment, visit, _began in sandbox.truth(number)
    )
    found = Counts(world.rows(_PROOFS))
    sent = "SELECT count(*) FROM calls_delivery WHERE upload_id IS NOT NULL"
    return Judged(
        calls=int(world.scalar("SELECT count(*) FROM calls_call")),
        groups=groups,
        proofs=found.total(),
        wrong_proofs=(found - true).total(),
        unproved=int(world.scalar(sent)) - found.total(),
    )


def send_waiting() -> None:
    """Run the sender until nothing waits. Raises RuntimeError."""
    for _round in range(MAX_STEPS):
        sender_loop.run(rest=lambda: None, once=True)
        waiting = Delivery.objects.filter(state=DeliveryState.WAITING)
        if not waiting.exists() and not Upload.objects.to_send().exists():
            return
    raise RuntimeError("some calls are never sent")


def prove(counter_id: int, first: date, last: date) -> None:
    """Take a request for logs to its end. Raises RuntimeError when it does not succeed."""
    now = timezone.now()
    one = LogRequest.objects.create(
        counter_id=counter_id, date1=first, date2=last, requested_at=now, next_at=now
    )
    for _step in range(MAX_STEPS):
        if not one.is_open:
            break
        LogRequest.objects.filter(pk=one.pk).update(next_at=timezone.now())
        run.step(one.pk)
        one.refresh_from_db()
    if one.state != "done" or one.error:
        raise RuntimeError(f"{one.state}: {one.error}")
