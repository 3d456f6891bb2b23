"""P16: which visit each sent call was linked to, read in Metrika's logs, beside the truth.

The calls are copied within the database; the product itself makes their files and sends them to the
sandbox, so that both sides have the same rows. Visits, planted rows and the other hits of the site
come by the controls of the sandbox. The waits between the steps of the product are left out.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections import Counter as Counts
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from django.test.utils import override_settings
from django.utils import timezone

from bench import many, sandbox, world
from bench.figure import Fact, Figure
from bench.figures.p8_end_to_end import send_waiting
from bench.memory import in_new_process
from calls.models import LinkProof, LogRequest, UnknownLogRow
from calls.proof import run
from calls.states import DeliveryState, LinkResult
from counters.models import Counter

ZONE = "Europe/Moscow"
READ_SECONDS, MEGABYTES, PLANTED = 60, 64, 50
SMALL_CALLS, SMALL_HITS = 20, 50
#: Calls begin from six in the morning on, within so many seconds; each visitor calls twice.
MORNING, SPREAD = "06:00", 40_000
VISITOR = 1_764_000_000_000_000_000
#: A visit begins so many seconds before the call that it leads to.
EARLIER = 300
MAX_STEPS = 1000
STATES = {"reading": "reading the hits", "matching": "matching", "visits": "reading the visits"}
#: Uploading, moment and ClientID of a row, and number and beginning of its visit.
Link = tuple[int, int, str, str, int]
#: Uploading, moment and kind of a row that was not sent.
Planted = tuple[int, int, str]


class LinkProofs(Figure):
    """The logs of one day of a counter, from the order to their removal."""

    title = "P16 link proof of a day"
    contenders = ()
    limits = 2
    #: The seconds, wrong proofs, planted and other rows.
    required_facts = 4

    def prepare(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.sandbox = sandbox.Sandbox(Path(self.folder.name))
        self.sandbox.start()
        self._connect()
        address = {"METRIKA_API_URL": self.sandbox.url}
        with override_settings(**address), patch.dict(os.environ, address):
            self._send()
            self._plant()
            self._measure()
        self._compare()

    def finish(self) -> None:
        self.sandbox.stop()
        self.folder.cleanup()
        world.forget_calls()

    def _connect(self) -> None:
        """Make a cabinet whose counter and token the sandbox knows."""
        world.forget_calls()
        self.owner = world.make_world(1)
        self.counter = self.owner.counters[0]
        account = self.counter.account
        self.sandbox.allow(account.access_token, " ".join(account.scopes))
        Counter.objects.filter(pk=self.counter.pk).update(
            number=sandbox.COUNTER, time_zone=ZONE, link_proof=True
        )
        today = timezone.now().astimezone(ZoneInfo(ZONE)).date()
        self.small_day, self.day = today - timedelta(days=2), today - timedelta(days=1)

    def _send(self) -> None:
        """Store the calls of both days, tell the sandbox their visits, and send them."""
        self._store(self.small_day, SMALL_CALLS)
        self._store(self.day, self.sizes.proved_calls)
        self.sandbox.add_visits(list(_visits(self.counter)))
        send_waiting()
        self.truth = list(self.sandbox.truth())
        for day, hits in (self.small_day, SMALL_HITS), (self.day, self.sizes.exported_hits):
            self.sandbox.control("hits/fill", counter=sandbox.COUNTER, day=str(day), count=hits)

    def _store(self, day: date, count: int) -> None:
        """Store waiting calls of a day."""
        begins = f"timestamptz '{day} {MORNING} {ZONE}' + (g % {SPREAD}) * interval '1 second'"
        copies = many.Copies(
            count,
            calls={
                "client_id": f"({VISITOR} + g % {max(count // 2, 1)})::text",
                "duration_seconds": "1 + g % 900",
            },
            earlier=f"t.partition_at - ({begins})",
        )
        first = many.multiply(self.owner, f"16-{day}", copies)
        # The call that was copied is of today, whose logs Metrika does not give.
        world.execute(
            f"UPDATE calls_delivery SET state = {DeliveryState.SKIPPED}, reason = 'too_short',"
            f" not_before = NULL WHERE call_id = {first}"
        )

    def _plant(self) -> None:
        """Put rows into the logs that were not sent: doubled ones, strange ones, changed ones."""
        self.planted: list[Planted] = []
        of_day = [row for row in self.truth if _day_of(row[4]) == self.day]
        for number in range(PLANTED):
            row, uploading, _channel, client, moment, *_ = of_day[number * len(of_day) // PLANTED]
            strange = {"ClientId": "77" if number % 3 == 1 else client, "TalkDuration": "86399"}
            planted: dict[str, Any] = {"kind": "foreign", "moment": moment, "columns": strange}
            if number % 3 == 0:
                planted = {"kind": "doubled", "row": row}
            self.planted.append((uploading, int(moment), str(planted["kind"])))
            self.sandbox.control(
                "hits/plant", counter=sandbox.COUNTER, uploading_id=uploading, **planted
            )

    def _measure(self) -> None:
        times = Path(self.folder.name) / "times.json"
        small, whole = (f"{self.counter.pk} {day} {times}" for day in (self.small_day, self.day))
        peak = in_new_process(prove, whole, small=small) if self.sizes.measures_memory else None
        if peak is not None:
            title = "memory over an idle process"
            self._fact(Fact(title, peak.megabytes, "MB", at_most=MEGABYTES))
        else:
            prove(small)
            prove(whole)
        for state, seconds in json.loads(times.read_text(encoding="ascii")).items():
            most = READ_SECONDS if state == "reading" else None
            if state in STATES:
                self._fact(Fact(STATES[state], seconds, "s", at_most=most))

    def _compare(self) -> None:
        true, found = Counts(map(_of_truth, self.truth)), Counts(_proofs())
        wrong = max((true - found).total(), (found - true).total())
        self._fact(Fact("wrong proofs", wrong, "rows", at_most=0))
        self._fact(Fact("linked to a visit", sum(bool(link[3]) for link in true), "rows"))
        planted, reported = Counts(self.planted), Counts(_reported())
        title, hits = f"of {PLANTED} planted rows reported", (planted & reported).total()
        self._fact(Fact(title, hits, "rows", at_least=PLANTED))
        others = (reported - planted).total()
        self._fact(Fact("other rows reported", others, "rows", at_most=0))

    def _fact(self, fact: Fact) -> None:
        amounts = f"{self.sizes.proved_calls:,} calls, {self.sizes.exported_hits:,} other hits"
        is_required = bool(fact.goal)
        self.facts.append(replace(fact, title=f"{amounts}: {fact.title}", is_required=is_required))


def prove(counter_day_file: str) -> None:
    """Take the request for a day's logs to its end; write the seconds of its states to the file.

    Raises RuntimeError when it does not succeed.
    """
    counter, day, file = counter_day_file.split(maxsplit=2)
    now, spent = timezone.now(), Counts[str]()
    one = LogRequest.objects.create(
        counter_id=counter, date1=day, date2=day, requested_at=now, next_at=now
    )
    for _step in range(MAX_STEPS):
        if not one.is_open:
            break
        LogRequest.objects.filter(pk=one.pk).update(next_at=now)
        state, began = str(one.state), time.perf_counter()
        run.step(one.pk)
        spent[state] += time.perf_counter() - began  # type: ignore[assignment]
        one.refresh_from_db()
    if one.state != "done" or one.error:
        raise RuntimeError(f"{one.state}: {one.error}")
    Path(file).write_text(json.dumps(spent), encoding="ascii")


def _visits(counter: Counter) -> Iterator[dict[str, Any]]:
    """Yield a visit before every second call of two thirds of the visitors."""
    stored = world.rows(
        "SELECT client_id, extract(epoch FROM started_at)::bigint FROM calls_call"
        " WHERE id IN (SELECT call_id FROM calls_delivery WHERE counter_id = %s AND state = %s)",
        [counter.pk, DeliveryState.WAITING],
    )
    for client, moment in stored:
        if int(client) % 3 and moment % 2:
            yield {"client_id": client, "started_at": moment - EARLIER}


def _of_truth(row: list[Any]) -> Link:
    _row, uploading, _channel, client, moment, visit, began = row
    return uploading, moment, client, visit or "", began or 0


def _proofs() -> Iterator[Link]:
    # All of them stand in the logs.
    proofs = LinkProof.objects.exclude(result=LinkResult.ABSENT).values_list(
        "upload__uploading_id", "call__started_at", "call__client_id", "visit_id", "visit_at"
    )
    for uploading, moment, client, visit, began in proofs.iterator():
        seconds = int(began.timestamp()) if began else 0
        yield uploading or 0, int(moment.timestamp()), client, visit, seconds


def _reported() -> Iterator[Planted]:
    rows = UnknownLogRow.objects.values_list("uploading_id", "moment", "kind", "count")
    for uploading, moment, kind, count in rows:
        yield from [(uploading, int(moment.timestamp()), kind)] * count


def _day_of(moment: int) -> date:
    return datetime.fromtimestamp(moment, ZoneInfo(ZONE)).date()
