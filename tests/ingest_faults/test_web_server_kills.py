"""Every call that got a 202 is stored with its deliveries, whichever process is killed."""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests

from cabinets.models import CallSource
from calls.models import Call, Delivery
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.servers import free_port
from tests.faults.wait import wait_for
from tests.ingest_faults.web_server import WebServer, results, start_web_server

CLIENTS = 4
MASTERS, WORKER_KILLS = 2, 7


@dataclass
class ClientLog:
    """The answers that the clients got, recorded as soon as they arrive."""

    answered: list[str] = field(default_factory=list)
    #: webhook-id → record of requests that got no answer.
    unanswered: dict[str, dict[str, object]] = field(default_factory=dict)
    other_answers: list[int] = field(default_factory=list)

    def post(self, web_server: WebServer, source: CallSource) -> None:
        record, webhook_id = factories.v3_record(), uuid.uuid4().hex
        try:
            answer = web_server.post([record], source=source, webhook_id=webhook_id)
        except requests.RequestException:
            self.unanswered[webhook_id] = record
            return
        if answer.ok:
            self.answered.append(str(record["universalId"]))
        else:
            self.other_answers.append(answer.status_code)


@contextmanager
def busy_clients(
    web_server: WebServer, source: CallSource, client_log: ClientLog
) -> Iterator[None]:
    """Run clients that post continuously until the end of the block."""
    stop = threading.Event()

    def post_continuously() -> None:
        while not stop.is_set():
            client_log.post(web_server, source)

    clients = [threading.Thread(target=post_continuously) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        stop.set()
        for client in clients:
            client.join()


@pytest.mark.contract("A1")
def test_every_accepted_call_survives_killed_gunicorn_workers_and_masters(
    scenario: Scenario,
    workers: WorkerProcesses,
    environment: dict[str, str],
    log: Path,
    result: Result,
) -> None:
    scenario.link()
    client_log, rng, port = ClientLog(), random.Random(1), free_port()
    for _ in range(MASTERS):
        with (
            start_web_server(environment, log, port=port) as web_server,
            busy_clients(web_server, scenario.source, client_log),
        ):
            for _ in range(WORKER_KILLS):
                _wait_for_answers(client_log, rng.randrange(1, 12))
                kill(rng.choice(web_server.workers()))
            _wait_for_answers(client_log, 3)
            kill(psutil.Process(web_server.process.pid), *web_server.workers())

    stored = set(Call.objects.values_list("external_id", flat=True))
    assert set(client_log.answered) <= stored
    assert len(client_log.answered) == len(set(client_log.answered)) > 2 * WORKER_KILLS
    assert client_log.unanswered
    assert client_log.other_answers == []
    # Calls and deliveries are stored in one transaction: no call lacks its rows.
    assert Delivery.objects.count() == len(stored)

    repeat_unanswered(environment, log, scenario.source, client_log)

    assert Call.objects.count() == len(client_log.answered) + len(client_log.unanswered)
    workers.start()
    seconds = scenario.wait_settled()
    balance = scenario.balance()
    assert balance.mismatches() == []
    kills = MASTERS * (WORKER_KILLS + 1)
    result.fault = f"{kills} kills -9 of gunicorn's workers and masters while calls come in"
    result.measure(balance, seconds)


def repeat_unanswered(
    environment: dict[str, str], log: Path, source: CallSource, client_log: ClientLog
) -> None:
    """Post again, with the same webhook-id, the calls that got no answer."""
    with start_web_server(environment, log) as web_server:
        for webhook_id, record in client_log.unanswered.items():
            outcomes = results(web_server.post([record], source=source, webhook_id=webhook_id))
            assert outcomes[0]["status"] == "created"


def kill(*processes: psutil.Process) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _wait_for_answers(client_log: ClientLog, count: int) -> None:
    enough = len(client_log.answered) + count
    wait_for(lambda: len(client_log.answered) >= enough, seconds=30, what="calls are accepted")
