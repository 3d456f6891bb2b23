"""Faults of the broker (flushed, killed, reset, away) with real Celery workers and Valkey."""

from __future__ import annotations

import re
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
import redis
import requests
from celery import Celery
from django.conf import settings

from calls.models import Call, Upload
from devtools.launcher.embedded import Valkey
from tests import factories
from tests.faults.processes import WorkerProcesses
from tests.faults.results import Result
from tests.faults.scenario import Scenario
from tests.faults.servers import beat, free_port, kept_running, program, web, worker
from tests.faults.wait import wait_for
from tests.journeys.webhook_client import WebhookClient
from tests.paths import ROOT

CALLS = 15
#: B1: nothing is delayed by more than a minute.
MINUTE = 60
#: Much shorter, and always the same ones of the eight tasks that beat queues would be lost.
FLUSH_SECONDS = 1


@pytest.mark.contract("A5", "B1", "B17")
def test_flushed_and_killed_broker_with_two_beats_delays_but_loses_nothing(
    scenario: Scenario,
    environment: dict[str, str],
    valkey: Valkey,
    log: Path,
    tmp_path: Path,
    result: Result,
) -> None:
    scenario.link(counters=2)
    variables = environment | {"REDIS_URL": valkey.url}
    with ExitStack() as stack:
        # A worker may exit when its broker dies with an unacknowledged task (kombu cannot close
        # such a connection); it is restarted, as in production.
        for arguments in (worker("prefork", 2), beat(tmp_path / "one"), beat(tmp_path / "two")):
            stack.enter_context(kept_running(*arguments, environment=variables, log=log))
        broker = redis.Redis.from_url(valkey.url)
        scenario.receive_calls(CALLS)
        flusher = Flusher(broker)
        wait_for(flusher.flush_until_processed, seconds=MINUTE, what="the first files are sent")

        scenario.receive_calls(CALLS)
        _kill(valkey)
        scenario.receive_calls(CALLS)
        broker.close()
        valkey.start()
        seconds = scenario.wait_settled(MINUTE)

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert balance.calls == 3 * CALLS
    assert scenario.sandbox.posts() == Upload.objects.count()
    result.fault = "Valkey flushed every second, then killed and started again empty; two beats"
    result.measure(balance, seconds)


@pytest.mark.contract("B25")
@pytest.mark.parametrize("pool", ["prefork", "threads"])
def test_stopped_celery_worker_finishes_its_upload_and_starts_no_other(
    scenario: Scenario,
    environment: dict[str, str],
    valkey: Valkey,
    log: Path,
    tmp_path: Path,
    result: Result,
    pool: str,
) -> None:
    scenario.link(counters=4)
    scenario.sandbox.fault("latency", times=None, ms=700, match={"path_contains": "upload_calls"})
    scenario.receive_calls(CALLS)
    variables = environment | {"REDIS_URL": valkey.url}
    with (
        program(*beat(tmp_path / "schedule"), environment=variables, log=log),
        program(*worker(pool, 1), environment=variables, log=log) as process,
    ):
        sending = Upload.objects.filter(state="sending")
        wait_for(sending.exists, seconds=MINUTE, what="an upload is being sent")
        stopped_at = time.monotonic()
        process.terminate()
        process.wait(1 + 1 + 5)
        seconds = time.monotonic() - stopped_at

    assert not sending.exists()
    begun = Upload.objects.filter(attempts__gt=0)
    assert begun.exclude(state__in=["sent", "processed"]).count() == 0
    assert Upload.objects.filter(state="ready").exists()
    result.fault = f"SIGTERM to a Celery worker ({pool}) in the middle of an upload"
    result.calls, result.rows = CALLS, sum(begun.values_list("rows", flat=True))
    result.seconds = round(seconds, 1)


@pytest.mark.contract("B20")
def test_workers_consume_again_after_a_reset_and_a_restart_of_the_broker(
    scenario: Scenario,
    environment: dict[str, str],
    valkey: Valkey,
    log: Path,
    tmp_path: Path,
    result: Result,
) -> None:
    """Celery reconnects by itself: see docs/decisions/0010-no-worker-watchdog.md.

    A worker of either pool serves a queue of its own, so that nothing settles unless both consume.
    """
    scenario.link()
    variables = environment | {"REDIS_URL": valkey.url}
    with (
        kept_running(*beat(tmp_path / "schedule"), environment=variables, log=log),
        kept_running(*worker("threads", 2, "celery"), environment=variables, log=log),
        kept_running(*worker("prefork", 2, "send"), environment=variables, log=log),
    ):
        control = Celery(broker=valkey.url, set_as_current=False).control
        wait_for(lambda: len(control.ping() or ()) == 2, seconds=MINUTE, what="both workers are up")
        for fault in (_reset_connections, _restart_empty):
            fault(valkey)
            scenario.receive_calls(CALLS)
            seconds = scenario.wait_settled(MINUTE)

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert (balance.calls, Upload.objects.count()) == (2 * CALLS, 2)
    result.fault = "Valkey resets every connection, then restarts empty; workers of both pools"
    result.measure(balance, seconds)


def test_blocked_senders_delay_no_other_task(
    scenario: Scenario,
    environment: dict[str, str],
    valkey: Valkey,
    log: Path,
    tmp_path: Path,
    result: Result,
) -> None:
    scenario.link()
    variables = environment | {"REDIS_URL": valkey.url}
    control = Celery(broker=valkey.url, set_as_current=False).control
    with (
        redis.Redis.from_url(valkey.url) as broker,
        program(*beat(tmp_path / "schedule"), environment=variables, log=log),
        program(*worker("threads", 1, "celery"), environment=variables, log=log),
        program(*worker("prefork", 2, "send"), environment=variables, log=log) as senders,
    ):
        wait_for(lambda: len(control.ping() or ()) == 2, seconds=MINUTE, what="both workers are up")
        senders.send_signal(signal.SIGSTOP)
        for uploads in (1, 2):
            broker.delete("send")
            wait_for(lambda: broker.llen("send"), seconds=MINUTE, what="a send task is queued")
            scenario.receive_calls(CALLS)
            wait_for(partial(_ready, uploads), seconds=MINUTE, what="calls are batched")
        assert Upload.objects.filter(attempts__gt=0).count() == 0

        senders.send_signal(signal.SIGCONT)
        seconds = scenario.wait_settled(MINUTE)

    balance = scenario.balance()
    assert balance.mismatches() == []
    assert (balance.calls, Upload.objects.count()) == (2 * CALLS, 2)
    result.fault = "SIGSTOP to the workers of the queue `send`; other tasks go on"
    result.measure(balance, seconds)


def test_worker_without_a_queue_option_serves_both_queues(
    scenario: Scenario,
    environment: dict[str, str],
    valkey: Valkey,
    log: Path,
    tmp_path: Path,
) -> None:
    scenario.link()
    variables = environment | {"REDIS_URL": valkey.url}
    scenario.receive_calls(CALLS)
    with (
        program(*beat(tmp_path / "schedule"), environment=variables, log=log),
        program(*worker("threads", 1), environment=variables, log=log),
    ):
        scenario.wait_settled(MINUTE)

    assert scenario.balance().mismatches() == []
    assert scenario.sandbox.posts() == Upload.objects.count() == 1


@pytest.mark.contract("A1", "A5")
def test_calls_are_accepted_and_sent_without_a_broker(
    scenario: Scenario,
    workers: WorkerProcesses,
    environment: dict[str, str],
    log: Path,
    result: Result,
) -> None:
    scenario.link()
    port = free_port()
    no_broker = environment | {"REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    sender = WebhookClient(f"http://127.0.0.1:{port}", scenario.source.public_id, factories.SECRET)
    with program(*web(port), environment=no_broker, log=log):
        wait_for(lambda: _is_up(sender.url), seconds=MINUTE, what="the web server answers")

        answers = [sender.post([factories.v3_record()]) for _ in range(CALLS)]

    assert {one["status"] for answer in answers for one in answer["results"]} == {"created"}
    workers.start()
    seconds = scenario.wait_settled()
    balance = scenario.balance()
    assert balance.mismatches() == []
    assert balance.calls == CALLS
    result.fault = "Valkey is down: the API answers 202, run_sender delivers"
    result.measure(balance, seconds)


@pytest.mark.contract("A1")
def test_every_acknowledged_call_survives_a_killed_web_server(
    scenario: Scenario,
    workers: WorkerProcesses,
    environment: dict[str, str],
    log: Path,
    result: Result,
) -> None:
    scenario.link()
    port = free_port()
    sender = WebhookClient(f"http://127.0.0.1:{port}", scenario.source.public_id, factories.SECRET)
    acknowledged: set[str] = set()
    for _ in range(3):
        with program(*web(port), environment=environment, log=log) as server:
            wait_for(lambda: _is_up(sender.url), seconds=MINUTE, what="the web server answers")
            for number in range(CALLS):
                if number == CALLS // 2:
                    _kill_with_children(server.pid)
                acknowledged |= _post(sender)
            server.wait()

    assert len(acknowledged) >= 3 * (CALLS // 2)
    stored = set(Call.objects.values_list("external_id", flat=True))
    assert acknowledged <= stored
    workers.start()
    seconds = scenario.wait_settled()
    balance = scenario.balance()
    assert balance.mismatches() == []
    result.fault = "kill -9 of gunicorn, three times, while calls come in"
    result.measure(balance, seconds)


APPS = ("accounts", "cabinets", "callkeeper_metrika", "calls", "counters", "integrations")


@pytest.mark.contract("B19")
def test_no_task_is_delayed_in_the_broker() -> None:
    sources = [
        path.read_text(encoding="utf-8")
        for folder in APPS
        for path in (ROOT / folder).rglob("*.py")
    ]

    visible = settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]
    assert visible / 2 >= settings.CELERY_TASK_TIME_LIMIT
    assert not [source for source in sources if re.search(r"countdown=|[^_]eta=", source)]


@dataclass
class Flusher:
    """Flushes the broker every second, however few of the queued tasks were taken by then."""

    broker: redis.Redis
    _next_at: float = 0

    def flush_until_processed(self) -> bool:
        """Flush if a second is over; return whether the uploads were processed all the same."""
        if time.monotonic() >= self._next_at:
            self.broker.flushall()
            self._next_at = time.monotonic() + FLUSH_SECONDS
        return Upload.objects.filter(state="processed").count() >= 2


def _reset_connections(valkey: Valkey) -> None:
    with redis.Redis.from_url(valkey.url) as broker:
        kinds = ("normal", "pubsub")
        # Looked at first: a worker that loses one kind closes the other by itself.
        assert all(broker.execute_command("CLIENT", "LIST", "TYPE", kind) for kind in kinds)
        for kind in kinds:
            broker.execute_command("CLIENT", "KILL", "TYPE", kind)


def _restart_empty(valkey: Valkey) -> None:
    _kill(valkey)
    valkey.start()


def _kill(valkey: Valkey) -> None:
    assert valkey.process is not None
    valkey.process.kill()
    valkey.process.wait()


def _is_up(url: str) -> bool:
    try:
        return requests.get(f"{url}/healthz", timeout=2).ok
    except requests.RequestException:
        return False


def _kill_with_children(pid: int) -> None:
    parent = psutil.Process(pid)
    for process in [parent, *parent.children(recursive=True)]:
        process.kill()


def _post(sender: WebhookClient) -> set[str]:
    """Post one call; return its id, or nothing if the server did not answer."""
    record = factories.v3_record()
    try:
        sender.post([record])
    except requests.RequestException:
        return set()
    return {str(record["universalId"])}


def _ready(number: int) -> bool:
    return Upload.objects.filter(state="ready").count() == number
