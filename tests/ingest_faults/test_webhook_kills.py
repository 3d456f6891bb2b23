"""A webhook that got its answer is stored, whichever process is killed; its repeat is no second."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests
from django.db.models import Sum

from calls.models import Call, Delivery, Intake, ReceivedRequest, Way
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.servers import free_port
from tests.faults.wait import wait_for
from tests.ingest_faults.web_server import ANSWER_SECONDS, WebServer, start_web_server

CLIENTS, KILLS = 3, 5


@dataclass
class Sender:
    """Posts webhooks as forms; keeps which got an answer and which did not."""

    path: str
    answered: list[str] = field(default_factory=list)
    unanswered: list[dict[str, str]] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def post(self, web_server: WebServer, record: dict[str, str]) -> None:
        url = web_server.url + self.path
        try:
            answer = requests.post(url, data=record, timeout=ANSWER_SECONDS)
        except requests.RequestException:
            self.unanswered.append(record)
            return
        self.statuses.add(answer.status_code)
        self.answered.append(record["universalId"])

    @contextmanager
    def busy(self, web_server: WebServer) -> Iterator[None]:
        """Post with several clients until the end of the block."""
        stop = threading.Event()

        def post_continuously() -> None:
            while not stop.is_set():
                self.post(web_server, new_record())

        clients = [threading.Thread(target=post_continuously) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        try:
            yield
        finally:
            stop.set()
            for client in clients:
                client.join()


def new_record() -> dict[str, str]:
    """Return a record as a form has it: every value is a text, and there are no lists."""
    record = factories.v3_record()
    return {name: str(one) for name, one in record.items() if isinstance(one, str | int)}


@pytest.mark.contract("A1")
def test_every_answered_webhook_survives_killed_gunicorn_workers_and_the_master(
    scenario: Scenario,
    workers: WorkerProcesses,
    environment: dict[str, str],
    log: Path,
    result: Result,
) -> None:
    scenario.link()
    source, path = factories.make_hooks(cabinet=scenario.cabinet)
    sender, rng = Sender(path), random.Random(1)
    with (
        start_web_server(environment, log, port=free_port()) as web_server,
        sender.busy(web_server),
    ):
        for _ in range(KILLS):
            wait_for_answers(sender, rng.randrange(1, 8))
            kill(rng.choice(web_server.workers()))
        wait_for_answers(sender, 3)
        kill(psutil.Process(web_server.process.pid), *web_server.workers())

    stored = set(Call.objects.values_list("external_id", flat=True))
    assert set(sender.answered) <= stored
    assert sender.statuses == {200}
    assert sender.unanswered
    # Calls, their decisions, counts and the request itself are one transaction.
    assert Delivery.objects.count() == len(stored)
    assert created_by_webhooks() == len(stored)
    assert ReceivedRequest.objects.filter(source=source).count() == min(len(stored), 50)

    again, sender.unanswered = sender.unanswered, []
    with start_web_server(environment, log) as web_server:
        for record in again:
            sender.post(web_server, record)

    everything = len(set(sender.answered))
    assert sender.unanswered == []
    assert Call.objects.count() == created_by_webhooks() == everything
    workers.start()
    seconds = scenario.wait_settled()
    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = f"{KILLS + 1} kills -9 of gunicorn's workers and master while webhooks come in"
    result.measure(balance, seconds)


def created_by_webhooks() -> int:
    """Return how many calls the counts of webhooks say were created."""
    total = Intake.objects.filter(way=Way.WEBHOOK).aggregate(Sum("created"))
    return int(total["created__sum"] or 0)


def kill(*processes: psutil.Process) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def wait_for_answers(sender: Sender, count: int) -> None:
    enough = len(sender.answered) + count
    wait_for(lambda: len(sender.answered) >= enough, seconds=30, what="webhooks are answered")
