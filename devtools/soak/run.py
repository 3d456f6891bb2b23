"""One soak run from the first call to the balance. It always ends: every phase has a time limit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

import requests
from django.db import InterfaceError, OperationalError, connection
from django.utils import timezone

from calls.models import Upload, UploadAttempt
from devtools.soak.balance import Balance, is_settled, take_balance
from devtools.soak.faults import FaultInjector
from devtools.soak.producer import Producer
from devtools.soak.sandbox_api import Sandbox
from devtools.soak.setup import SoakCabinet, reconnect, set_up
from devtools.soak.workers import Workers, keep_pace_here

#: Calls are produced during this part of the time; the rest is for their delivery.
PRODUCING_SHARE = 0.85
#: Longer than a lost answer occupies a slot with production's timeouts: the workers of `./run`
#: deliver these calls as well.
DRAIN_SECONDS = 600
PAUSE_SECONDS = 0.05
SETTLED_CHECK_SECONDS = 1.0
#: How many kills may be put off until an upload is being sent.
DEFERRED_KILLS = 2
#: Seconds after the end in which kills put off still happen.
LATE_KILLS = 30
FAULTS_A_SECOND = 0.8
NO_DAILY_LIMIT = 10_000_000
#: Quotas of a login and of an IP address: https://yandex.com/dev/metrika/en/intro/quotas
MOST_PARALLEL = 3
#: A token is renewed at its first refusal; if the new one is refused too, a person must link again.
REFUSALS_OF_A_LOSS = 2
MOST_PER_SECOND = 30

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """The options of the command."""

    minutes: float
    calls: int
    kills: int
    faults: bool
    workers: int
    seed: int

    @property
    def seconds(self) -> float:
        """Seconds of load."""
        return self.minutes * 60


@dataclass(frozen=True)
class Outcome:
    """The figures of a finished soak, as written to the report."""

    balance: Balance
    calls_handed_in: int
    kills: int
    uploads_cut_by_a_kill: int
    faults: dict[str, int]
    refused_without_database: int
    #: How often an account had to be linked again because a renewed token was refused too.
    reconnections: int
    seconds: float
    drain_seconds: float
    verification_seconds: float
    max_parallel: dict[str, int]
    max_per_second: int
    findings: list[str] = field(default_factory=list)


class SoakRun:
    """One run: load, kills and faults interleaved in one thread."""

    def __init__(self, plan: Plan, sandbox: Sandbox, say: Say) -> None:
        self._plan = plan
        self._sandbox = sandbox
        self._say = say
        self._rng = random.Random(plan.seed)
        self._workers = Workers(plan.workers, self._rng)
        self._injector = FaultInjector(sandbox, self._rng)
        self._began = 0.0
        self._reconnections = 0
        self._last_kill = timezone.now()

    def run(self) -> Outcome:
        """Run the plan and verify. Raises requests.RequestException without a sandbox."""
        quotas = self._sandbox.get("quotas")
        self._sandbox.post("quotas", per_day=NO_DAILY_LIMIT)
        keep_pace_here()
        # Rows and requests from before, and those of linking, are not counted.
        newest_row = self._sandbox.newest_row()
        soak = set_up(timezone.now())
        self._sandbox.forget_requests()
        producer = Producer(
            source=soak.source,
            total=self._plan.calls,
            rng=self._rng,
            seed=self._plan.seed,
        )
        try:
            self._began = time.monotonic()
            self._run_load(producer, soak)
            self._sandbox.clear_faults()
            drained = self._drain(soak)
        finally:
            self._workers.stop()
            self._sandbox.post("quotas", **quotas)
        return self._verify(soak, producer, drained, newest_row)

    def _run_load(self, producer: Producer, soak: SoakCabinet) -> None:
        plan = self._plan
        producing = True
        next_report = 0.0
        while (at := self._at()) < plan.seconds or producing or self._has_late_kills(at):
            self._workers.keep_running()
            if producing and producer.taken <= plan.calls * at / (plan.seconds * PRODUCING_SHARE):
                producing = producer.produce()
            self._maybe_kill(at)
            if plan.faults and sum(self._injector.injected.values()) < at * FAULTS_A_SECOND:
                self._injector.inject()
            if at >= next_report:
                next_report = at + 15
                self._reconnect(soak)
                self._say(f"{at:.0f} s: {producer.taken} calls, {self._workers.kills} kills")
            time.sleep(PAUSE_SECONDS)

    def _maybe_kill(self, at: float) -> None:
        """Kill a worker when one is due, preferably while an upload is being sent."""
        plan = self._plan
        owed = min(plan.kills, round(plan.kills * at / plan.seconds)) - self._workers.kills
        deferred = DEFERRED_KILLS if at < plan.seconds else 0
        if owed > deferred or (owed > 0 and _is_sending(since=self._last_kill)):
            self._workers.kill_one()
            self._last_kill = timezone.now()

    def _has_late_kills(self, at: float) -> bool:
        """Whether kills were put off and may still happen."""
        return self._workers.kills < self._plan.kills and at < self._plan.seconds + LATE_KILLS

    def _reconnect(self, soak: SoakCabinet) -> None:
        try:
            self._reconnections += reconnect(soak)
        except (OperationalError, InterfaceError):
            connection.close()

    def _drain(self, soak: SoakCabinet) -> float:
        """Wait until everything is delivered; return the seconds."""
        began = time.monotonic()
        while time.monotonic() - began < DRAIN_SECONDS and not _is_settled(soak):
            self._workers.keep_running()
            self._reconnect(soak)
            time.sleep(SETTLED_CHECK_SECONDS)
        return time.monotonic() - began

    def _verify(self, soak: SoakCabinet, producer: Producer, drained: float, after: int) -> Outcome:
        seconds = self._at()
        balance = take_balance(soak.cabinet, self._sandbox.held(after=after))
        seen = self._sandbox.get("requests?last=0")
        return Outcome(
            balance=balance,
            calls_handed_in=producer.taken,
            kills=self._workers.kills,
            uploads_cut_by_a_kill=UploadAttempt.objects.filter(
                upload__cabinet=soak.cabinet, error_class="WorkerLost"
            ).count(),
            faults=dict(self._injector.injected),
            refused_without_database=producer.refusals,
            reconnections=self._reconnections,
            seconds=round(seconds, 1),
            drain_seconds=round(drained, 1),
            verification_seconds=round(self._at() - seconds, 1),
            max_parallel=seen["max_parallel"],
            max_per_second=seen["max_per_second"],
            findings=find_failures(
                balance,
                handed_in=producer.taken,
                max_parallel=seen["max_parallel"],
                max_per_second=seen["max_per_second"],
            )
            + needless_reconnections(self._reconnections, self._injector.injected["invalid_token"]),
        )

    def _at(self) -> float:
        return time.monotonic() - self._began


def _is_sending(since: datetime) -> bool:
    """Whether sending of an upload began after `since`; one interrupted earlier keeps its state."""
    try:
        return Upload.objects.sending().filter(sent_at__gt=since).exists()
    except (OperationalError, InterfaceError):
        connection.close()
        return False


def _is_settled(soak: SoakCabinet) -> bool:
    try:
        return is_settled(soak.cabinet)
    except (OperationalError, InterfaceError):
        connection.close()
        return False


def find_failures(
    balance: Balance, *, handed_in: int, max_parallel: dict[str, int], max_per_second: int
) -> list[str]:
    """Return a sentence per failed check; the peaks are those that the sandbox counted."""
    found = balance.mismatches()
    if balance.calls != handed_in:
        found.append(f"{handed_in} calls handed in, {balance.calls} stored")
    if max(max_parallel.values(), default=0) > MOST_PARALLEL:
        found.append(f"more than {MOST_PARALLEL} requests of a login at a time: {max_parallel}")
    if max_per_second > MOST_PER_SECOND:
        found.append(f"more than {MOST_PER_SECOND} requests in one second: {max_per_second}")
    return found


def needless_reconnections(reconnections: int, refused_tokens: int) -> list[str]:
    """Return a sentence if accounts were linked again though one renewal would have sufficed."""
    if reconnections * REFUSALS_OF_A_LOSS <= refused_tokens:
        return []
    return [f"{refused_tokens} refused tokens, but {reconnections} accounts to be linked anew"]


def is_sandbox(url: str) -> bool:
    """Whether a sandbox answers at `url`."""
    try:
        return bool(Sandbox(url).get("health")["status"] == "ok")
    except (requests.RequestException, ValueError, KeyError):
        return False
