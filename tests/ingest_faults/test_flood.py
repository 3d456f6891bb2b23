"""A source that floods the door is asked to wait; nobody else is, and nobody else notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from cabinets.models import CallSource
from calls.models import Call
from tests import factories
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage
from tests.ingest_faults.timing import p95, timed
from tests.ingest_faults.web_server import Door, open_door, results

PER_MINUTE, BULK = 600, 100
#: A flood that were as quick as its clients can would measure the clients: they share the two
#: cores with the door. At this pace it is a hundred times what its source may send.
FLOODERS, FLOOD_PAUSE_SECONDS = 2, 0.1
FLOOD_AT_LEAST = 20
WARM_UP, POSTS, MOST_ROUNDS = 10, 60, 3
#: By so much the p95 of the neighbour may grow (statement A9), and by a blink of the machine.
SLOWER, NOISE_SECONDS = 2, 0.005
OTHER_SECRET = "whsec_b3RoZXItc291cmNlLXNlY3JldC0wMTIzNDU2Nzg5"


@dataclass
class Flood:
    """What a source was answered that posts on whatever it is told."""

    door: Door
    source: CallSource
    answers: list[requests.Response] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run until the end of the block; the block begins when the first were refused."""
        over, refused = threading.Event(), threading.Event()
        clients = [
            threading.Thread(target=self._post_on, args=(over, refused)) for _ in range(FLOODERS)
        ]
        for client in clients:
            client.start()
        try:
            assert refused.wait(timeout=30)
            yield
        finally:
            over.set()
            for client in clients:
                client.join()

    def _post_on(self, over: threading.Event, refused: threading.Event) -> None:
        bulk = _bulk()
        while not over.is_set():
            answer = self.door.post(bulk, source=self.source)
            self.answers.append(answer)
            if answer.status_code == 429:
                refused.set()
            else:
                bulk = _bulk()
            over.wait(FLOOD_PAUSE_SECONDS)

    def answered(self, status: int) -> list[requests.Response]:
        return [answer for answer in self.answers if answer.status_code == status]


def _bulk() -> list[dict[str, object]]:
    return [factories.v3_record() for _ in range(BULK)]


@pytest.mark.contract("A9")
def test_flooding_source_waits_and_its_neighbour_does_not(
    stage: Stage, crew: Crew, environment: dict[str, str], log: Path, result: Result
) -> None:
    stage.link()
    neighbour = factories.make_source(
        cabinet=factories.make_cabinet(name="Сосед"), secret=OTHER_SECRET
    )
    told = environment | {"INGEST_CALLS_PER_MINUTE": str(PER_MINUTE)}
    statuses: list[str] = []
    rounds: list[tuple[float, float]] = []
    with open_door(told, log) as door:
        flood = Flood(door, stage.source)

        def post_one() -> None:
            answer = door.post([factories.v3_record()], source=neighbour, secret=OTHER_SECRET)
            statuses.append(results(answer)[0]["status"])

        def post_some(count: int) -> list[float]:
            return [timed(post_one) for _ in range(count)]

        post_some(WARM_UP)
        # What the flood costs the neighbour it costs in every round; what else the machine does
        # comes and goes.
        while len(rounds) < MOST_ROUNDS:
            before = post_some(POSTS)
            with flood.running():
                answered = len(flood.answers)
                during = post_some(POSTS)
                offered = (len(flood.answers) - answered) * BULK
            assert offered > FLOOD_AT_LEAST * PER_MINUTE * sum(during) / 60
            rounds.append((p95(before), p95(during)))
            if rounds[-1][1] <= SLOWER * rounds[-1][0] + NOISE_SECONDS:
                break

    calm, flooded = rounds[-1]
    assert flooded <= SLOWER * calm + NOISE_SECONDS, rounds
    assert set(statuses) == {"created"}
    assert Call.objects.filter(source=neighbour).count() == len(statuses)
    taken, refused = flood.answered(202), flood.answered(429)
    assert len(taken) + len(refused) == len(flood.answers)
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    # The last one may overdraw the bucket, which in the meantime drips.
    assert len(taken) >= PER_MINUTE // BULK
    # What was taken is not let go to have it easier: it is all there, and it all arrives.
    assert Call.objects.filter(source=stage.source).count() == len(taken) * BULK
    crew.hire()
    seconds = stage.wait_settled()
    balance = stage.balance()
    assert balance.mismatches() == []
    assert balance.held == len(taken) * BULK
    result.fault = "one source floods: 429 with Retry-After; another one goes through as quickly"
    result.measure(balance, seconds)
    result.extra = {
        "p95 in ms of the other": round(1000 * flooded),
        "p95 in ms of the other without the flood": round(1000 * calm),
    }
