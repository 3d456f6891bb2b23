"""A source that floods the API gets 429; another source does not, and is not slowed."""

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
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.ingest_faults.timing import p95, timed
from tests.ingest_faults.web_server import WebServer, results, start_web_server

PER_MINUTE, BULK = 600, 100
#: Without a pause the flood would measure its clients, which share the two cores with the web
#: server. At this pace it is a hundred times what its source may send.
FLOODERS, FLOOD_PAUSE_SECONDS = 2, 0.1
FLOOD_AT_LEAST = 20
WARM_UP, POSTS, MAX_ROUNDS = 10, 60, 3
#: Allowed growth of the p95 of the other source (statement A9): a factor, and timing noise.
SLOWER, NOISE_SECONDS = 2, 0.005
OTHER_SECRET = "whsec_b3RoZXItc291cmNlLXNlY3JldC0wMTIzNDU2Nzg5"


@dataclass
class Flood:
    """A source that posts continuously, ignoring 429, and the answers it got."""

    web_server: WebServer
    source: CallSource
    answers: list[requests.Response] = field(default_factory=list)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Post until the end of the block, which begins after the first 429."""
        over, refused = threading.Event(), threading.Event()
        clients = [
            threading.Thread(target=self._post_continuously, args=(over, refused))
            for _ in range(FLOODERS)
        ]
        for client in clients:
            client.start()
        try:
            assert refused.wait(timeout=60)
            yield
        finally:
            over.set()
            for client in clients:
                client.join()

    def _post_continuously(self, over: threading.Event, refused: threading.Event) -> None:
        bulk = _bulk()
        while not over.is_set():
            answer = self.web_server.post(bulk, source=self.source)
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
def test_flooding_source_gets_429_and_another_source_is_not_slowed(
    scenario: Scenario,
    workers: WorkerProcesses,
    environment: dict[str, str],
    log: Path,
    result: Result,
) -> None:
    scenario.link()
    neighbour = factories.make_source(
        cabinet=factories.make_cabinet(name="Сосед"), secret=OTHER_SECRET
    )
    variables = environment | {"INGEST_CALLS_PER_MINUTE": str(PER_MINUTE)}
    statuses: list[str] = []
    rounds: list[tuple[float, float]] = []
    with start_web_server(variables, log) as web_server:
        flood = Flood(web_server, scenario.source)

        def post_one() -> None:
            answer = web_server.post([factories.v3_record()], source=neighbour, secret=OTHER_SECRET)
            statuses.append(results(answer)[0]["status"])

        def post_some(count: int) -> list[float]:
            return [timed(post_one) for _ in range(count)]

        post_some(WARM_UP)
        # Slowness caused by the flood shows in every round, noise of the machine does not: one
        # round within the limit is enough.
        while len(rounds) < MAX_ROUNDS:
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
    # The last one may overdraw the bucket, which refills in the meantime.
    assert len(taken) >= PER_MINUTE // BULK
    # Accepted calls of the flood are not dropped: all are stored and delivered.
    assert Call.objects.filter(source=scenario.source).count() == len(taken) * BULK
    workers.start()
    seconds = scenario.wait_settled()
    balance = scenario.balance()
    assert balance.mismatches() == []
    assert balance.held == len(taken) * BULK
    result.fault = "one source floods: 429 with Retry-After; another one is served as fast"
    result.measure(balance, seconds)
    result.extra = {
        "p95 in ms of the other": round(1000 * flooded),
        "p95 in ms of the other without the flood": round(1000 * calm),
    }
