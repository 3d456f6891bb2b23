"""The broker is away: nobody at the door notices. The database is away: the sender is told so."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import redis
from django.core.management import call_command
from django.db import connection
from pytest_django import DjangoDbBlocker

from cabinets.models import CallSource
from calls.models import Call, Delivery
from counters.models import Counter
from devtools.launcher.embedded import Postgres, Valkey
from tests import factories
from tests.faults.disk_quota import CUT_SESSIONS, led_to, no_room_for, tell
from tests.faults.processes import Crew
from tests.faults.results import Result
from tests.faults.stage import Stage
from tests.faults.wait import wait_for
from tests.ingest_faults.timing import p95, timed
from tests.ingest_faults.web_server import Door, open_door, results

WARM_UP, POSTS, MOST_ROUNDS = 10, 80, 3
SLOWEST_SECONDS = 2.0
#: How long a web process waits for Redis, and how long it leaves it alone after that.
WEB_PROCESSES, QUESTION_SECONDS, PAUSE_SECONDS = 2, 0.2, 5
#: By so much the p95 may grow (statement A5): a fifth, and what one blink of a shared machine adds
#: to a p95 of some twenty milliseconds.
SLOWER, NOISE_SECONDS = 1.2, 0.005


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "valkey", password="only-for-tests", temporary=True)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def spare(
    tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker
) -> Iterator[Postgres]:
    """A server of our own to break: what it called committed survives its death."""
    server = Postgres(tmp_path_factory.mktemp("spare") / "postgres", password="only-for-tests")
    server.start()
    with django_db_blocker.unblock(), led_to(server):
        call_command("migrate", verbosity=0)
    yield server
    server.stop()


@pytest.mark.contract("A5", "B1")
def test_broker_that_hangs_or_dies_slows_no_request_and_stops_no_delivery(
    stage: Stage,
    crew: Crew,
    environment: dict[str, str],
    valkey: Valkey,
    log: Path,
    result: Result,
) -> None:
    stage.link()
    assert valkey.process is not None
    with (
        open_door(environment, log) as healthy,
        open_door(environment | {"REDIS_URL": valkey.url}, log) as troubled,
    ):
        doors = (healthy, troubled)
        post_in_turns(doors, stage, posts=WARM_UP)
        with redis.Redis.from_url(valkey.url) as broker:
            queues = [key for key in broker.scan_iter() if not key.startswith(b"rate:")]
        valkey.process.send_signal(signal.SIGSTOP)
        hanging = compare(doors, stage)
        valkey.process.send_signal(signal.SIGKILL)
        valkey.process.wait()
        dead = compare(doors, stage)

    # Nothing goes through the broker on the way in.
    assert queues == []
    for trouble, rounds in {"hangs": hanging, "is dead": dead}.items():
        usually, slowly = rounds[-1]
        assert slowly <= SLOWER * usually + NOISE_SECONDS, f"Valkey {trouble}: {rounds}"
        result.extra[f"p95 in ms while Valkey {trouble}"] = round(1000 * slowly)
        result.extra[f"p95 in ms beside it while Valkey {trouble}"] = round(1000 * usually)
    crew.hire()
    seconds = stage.wait_settled()
    balance = stage.balance()
    assert balance.mismatches() == []
    assert balance.calls == 2 * WARM_UP + 2 * POSTS * len(hanging + dead)
    result.fault = "Valkey hangs, then dies, while calls come in; run_sender delivers"
    result.measure(balance, seconds)


def compare(doors: Sequence[Door], stage: Stage) -> list[tuple[float, float]]:
    """Return the p95 at the first door and at the second, round by round.

    What Valkey costs it costs in every round; what else the machine does comes and goes. So a
    round in which the second door is as quick as it should be is the last.
    """
    rounds: list[tuple[float, float]] = []
    while len(rounds) < MOST_ROUNDS:
        usual, slowed = post_in_turns(doors, stage, posts=POSTS)
        assert max(slowed) < SLOWEST_SECONDS
        others = without_questions(slowed, phase_seconds=sum(usual + slowed))
        rounds.append((p95(usual), p95(others)))
        if rounds[-1][1] <= SLOWER * rounds[-1][0] + NOISE_SECONDS:
            break
    return rounds


def post_in_turns(doors: Sequence[Door], stage: Stage, *, posts: int) -> list[list[float]]:
    """Post that many calls at every door; return the seconds each took, door by door.

    One here, one there: what else the machine does meets all doors alike.
    """

    def post(door: Door) -> None:
        results(door.post([factories.v3_record()], source=stage.source))

    took: list[list[float]] = [[] for _ in doors]
    for _ in range(posts):
        for door, seconds in zip(doors, took, strict=True):
            seconds.append(timed(partial(post, door)))
    return took


def without_questions(slowed: list[float], *, phase_seconds: float) -> list[float]:
    """Leave out the requests that asked Redis: one per process and pause, a fifth of a second each.

    Of nine calls a second they are fewer than one in twenty and no p95 shows them; a busy machine
    may take fewer. More than one per process and pause are not forgiven.
    """
    pauses = 1 + int(phase_seconds // PAUSE_SECONDS)
    asked = sum(seconds > QUESTION_SECONDS for seconds in slowed)
    return sorted(slowed)[: len(slowed) - min(asked, WEB_PROCESSES * pauses)]


@contextmanager
def stopped(server: Postgres) -> Iterator[None]:
    """The server is stopped at once, as by a crash, and started again."""
    assert server.process is not None
    server.process.send_signal(signal.SIGQUIT)
    server.process.wait()
    yield
    server.start()


@contextmanager
def read_only(server: Postgres) -> Iterator[None]:
    """Sessions may only read, as on a standby or beyond a provider's quota."""
    order = f"ALTER DATABASE {server.database} SET default_transaction_read_only ="
    tell(server, f"{order} on", CUT_SESSIONS)
    yield
    tell(server, f"{order} off", CUT_SESSIONS)


@contextmanager
def full_disk(server: Postgres) -> Iterator[None]:
    """The disk is full for the table of the receipts, which are written last."""
    with no_room_for(server, "calls_ingestreceipt"):
        yield


@pytest.mark.contract("A6")
@pytest.mark.parametrize(
    ("trouble", "sqlstate"), [(stopped, None), (read_only, "25006"), (full_disk, "53100")]
)
def test_database_that_cannot_keep_a_call_is_told_and_costs_nothing(
    transactional_db: None,
    spare: Postgres,
    environment: dict[str, str],
    tmp_path: Path,
    result: Result,
    trouble: Callable[[Postgres], AbstractContextManager[None]],
    sqlstate: str | None,
) -> None:
    log = tmp_path / "door.log"
    told = environment | {"DATABASE_URL": spare.url}
    with led_to(spare), open_door(told, log) as door:
        source, counter = _furnish()
        results(door.post([factories.v3_record()], source=source))
        people = {process.pid for process in door.workers()}
        lost, webhook_id = factories.v3_record(), uuid.uuid4().hex
        with trouble(spare):
            connection.close()
            refused = door.post([lost], source=source, webhook_id=webhook_id)
        connection.close()
        stored = Call.objects.filter(cabinet=source.cabinet).count()
        after = door.post([lost], source=source, webhook_id=webhook_id)

        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
        assert refused.json()["error"]["code"] == "database_unavailable"
        assert f"SQLSTATE {sqlstate}" in log.read_text(encoding="utf-8")
        assert stored == 1
        assert results(after)[0]["status"] == "created"
        assert {process.pid for process in door.workers()} == people
        assert Call.objects.filter(cabinet=source.cabinet).count() == 2
        assert Delivery.objects.filter(counter=counter).count() == 4
    result.fault = f"the database cannot keep a call: {trouble.__name__.replace('_', ' ')}"
    result.calls = 2


@pytest.mark.contract("A1", "A6")
def test_every_answered_call_survives_a_crash_of_the_database(
    transactional_db: None,
    spare: Postgres,
    environment: dict[str, str],
    log: Path,
    result: Result,
) -> None:
    told = environment | {"DATABASE_URL": spare.url}
    answers: dict[str, int] = {}
    with led_to(spare), open_door(told, log) as door:
        source, counter = _furnish()

        def post_until(done: threading.Event) -> None:
            while not done.is_set():
                record = factories.v3_record()
                answers[str(record["universalId"])] = door.post([record], source=source).status_code

        done = threading.Event()
        client = threading.Thread(target=post_until, args=(done,))
        client.start()
        try:
            for _ in range(3):
                _wait_for_more(answers, 202)
                with stopped(spare):
                    _wait_for_more(answers, 503)
            _wait_for_more(answers, 202)
        finally:
            done.set()
            client.join()

        connection.close()
        answered = {number for number, status in answers.items() if status == 202}
        stored = set(
            Call.objects.filter(cabinet=source.cabinet).values_list("external_id", flat=True)
        )
        assert set(answers.values()) == {202, 503}
        assert answered <= stored
        assert Delivery.objects.filter(counter=counter).count() == 2 * len(stored)
    result.fault = "PostgreSQL stopped at once, three times, while calls come in"
    result.calls = len(answered)


def _furnish() -> tuple[CallSource, Counter]:
    cabinet = factories.make_cabinet()
    counter = factories.make_counter(account=factories.make_account(cabinet=cabinet))
    return factories.make_source(cabinet=cabinet), counter


def _wait_for_more(answers: dict[str, int], status: int) -> None:
    enough = list(answers.values()).count(status) + 3
    wait_for(
        lambda: list(answers.values()).count(status) >= enough,
        seconds=30,
        what=f"answers {status} come",
    )
