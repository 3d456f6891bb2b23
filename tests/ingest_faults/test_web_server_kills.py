"""A call that was answered for is there, whatever is killed, and so are its deliveries."""

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
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.servers import free_port
from tests.faults.stage import Stage
from tests.faults.wait import wait_for
from tests.ingest_faults.web_server import Door, open_door, results

CLIENTS = 4
MASTERS, WORKER_KILLS = 2, 7


@dataclass
class Ledger:
    """What the client was told, written down before anything else is done."""

    answered: list[str] = field(default_factory=list)
    #: webhook-id → record of requests whose answer never came.
    unanswered: dict[str, dict[str, object]] = field(default_factory=dict)
    other_answers: list[int] = field(default_factory=list)

    def post(self, door: Door, source: CallSource) -> None:
        record, webhook_id = factories.v3_record(), uuid.uuid4().hex
        try:
            answer = door.post([record], source=source, webhook_id=webhook_id)
        except requests.RequestException:
            self.unanswered[webhook_id] = record
            return
        if answer.ok:
            self.answered.append(str(record["universalId"]))
        else:
            self.other_answers.append(answer.status_code)


@contextmanager
def busy_clients(door: Door, source: CallSource, ledger: Ledger) -> Iterator[None]:
    """Let clients post one after the other until the end of the block."""
    stop = threading.Event()

    def post_on() -> None:
        while not stop.is_set():
            ledger.post(door, source)

    clients = [threading.Thread(target=post_on) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        yield
    finally:
        stop.set()
        for client in clients:
            client.join()


@pytest.mark.contract("A1")
def test_every_answered_call_survives_killed_workers_and_masters(
    stage: Stage, crew: Crew, environment: dict[str, str], log: Path, result: Result
) -> None:
    stage.link()
    ledger, dice, port = Ledger(), random.Random(1), free_port()
    for _ in range(MASTERS):
        with (
            open_door(environment, log, port=port) as door,
            busy_clients(door, stage.source, ledger),
        ):
            for _ in range(WORKER_KILLS):
                _wait_for_answers(ledger, dice.randrange(1, 12))
                kill(dice.choice(door.workers()))
            _wait_for_answers(ledger, 3)
            kill(psutil.Process(door.process.pid), *door.workers())

    stored = set(Call.objects.values_list("external_id", flat=True))
    assert set(ledger.answered) <= stored
    assert len(ledger.answered) == len(set(ledger.answered)) > 2 * WORKER_KILLS
    assert ledger.unanswered
    assert ledger.other_answers == []
    # Calls and deliveries came in one transaction: there is none without its rows.
    assert Delivery.objects.count() == 2 * len(stored)

    repeat_unanswered(environment, log, stage.source, ledger)

    assert Call.objects.count() == len(ledger.answered) + len(ledger.unanswered)
    crew.hire()
    seconds = stage.wait_settled()
    balance = stage.balance()
    assert balance.mismatches() == []
    kills = MASTERS * (WORKER_KILLS + 1)
    result.fault = f"{kills} kills -9 of gunicorn's workers and masters while calls come in"
    result.measure(balance, seconds)


def repeat_unanswered(
    environment: dict[str, str], log: Path, source: CallSource, ledger: Ledger
) -> None:
    """Post again, under the same id, what nobody answered for."""
    with open_door(environment, log) as door:
        for webhook_id, record in ledger.unanswered.items():
            told = results(door.post([record], source=source, webhook_id=webhook_id))
            assert told[0]["status"] == "created"


def kill(*processes: psutil.Process) -> None:
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


def _wait_for_answers(ledger: Ledger, count: int) -> None:
    enough = len(ledger.answered) + count
    wait_for(lambda: len(ledger.answered) >= enough, seconds=30, what="calls are answered for")
