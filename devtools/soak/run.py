"""One soak from its first call to its balance. Bounded: it ends by itself, whatever happens."""

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
from devtools.soak.faults import Mishaps
from devtools.soak.producer import Feeder
from devtools.soak.sandbox_api import Sandbox
from devtools.soak.setup import Furnished, reconnect, set_up
from devtools.soak.workers import Workers, keep_pace_here

#: Calls come in during this part of the time; the rest sees their end.
FEEDING = 0.85
#: Longer than a slot that a lost answer keeps taken with the timeouts of production: the workers of
#: the `./run` beside deliver as well.
DRAIN_SECONDS = 600
PAUSE_SECONDS = 0.05
LOOK_SECONDS = 1.0
#: So many kills may wait for a file on its way.
PATIENT_KILLS = 2
#: So many seconds after the end they may still come.
LATE_KILLS = 30
FAULTS_A_SECOND = 0.8
NO_DAILY_LIMIT = 10_000_000
#: Of a login and of an address: https://yandex.com/dev/metrika/en/intro/quotas
MOST_PARALLEL = 3
#: A token is renewed at its first refusal; the account is given up when the new one is refused too.
REFUSALS_OF_A_LOSS = 2
MOST_PER_SECOND = 30

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What a person ordered."""

    minutes: float
    calls: int
    kills: int
    faults: bool
    workers: int
    seed: int

    @property
    def seconds(self) -> float:
        """How long calls come in and workers die."""
        return self.minutes * 60


@dataclass(frozen=True)
class Outcome:
    """The figures of a soak that has ended."""

    balance: Balance
    calls_handed_in: int
    kills: int
    uploads_cut_by_a_kill: int
    faults: dict[str, int]
    refused_for_want_of_database: int
    #: How often an account had to be linked anew, because a renewed token was refused as well.
    reconnections: int
    seconds: float
    drain_seconds: float
    weighing_seconds: float
    max_parallel: dict[str, int]
    max_per_second: int
    findings: list[str] = field(default_factory=list)


class Campaign:
    """Everything that happens at once, turn by turn in one thread."""

    def __init__(self, plan: Plan, sandbox: Sandbox, say: Say) -> None:
        self._plan = plan
        self._sandbox = sandbox
        self._say = say
        self._dice = random.Random(plan.seed)
        self._workers = Workers(plan.workers, self._dice)
        self._mishaps = Mishaps(sandbox, self._dice)
        self._began = 0.0
        self._reconnections = 0
        self._last_kill = timezone.now()

    def run(self) -> Outcome:
        """Run the plan and weigh. Raises requests.RequestException without a sandbox."""
        quotas = self._sandbox.look("quotas")
        self._sandbox.act("quotas", per_day=NO_DAILY_LIMIT)
        keep_pace_here()
        # What was before belongs to others, and so do the pages that a person opens to link.
        newest_row = self._sandbox.newest_row()
        furnished = set_up(timezone.now())
        self._sandbox.forget_requests()
        feeder = Feeder(
            source=furnished.source,
            total=self._plan.calls,
            dice=self._dice,
            seed=self._plan.seed,
        )
        try:
            self._began = time.monotonic()
            self._make_trouble(feeder, furnished)
            self._sandbox.clear_faults()
            drained = self._drain(furnished)
        finally:
            self._workers.stop()
            self._sandbox.act("quotas", **quotas)
        return self._weigh(furnished, feeder, drained, newest_row)

    def _make_trouble(self, feeder: Feeder, furnished: Furnished) -> None:
        plan = self._plan
        feeding = True
        next_report = 0.0
        while (at := self._at()) < plan.seconds or feeding or self._owes_kills(at):
            self._workers.keep_running()
            if feeding and feeder.taken <= plan.calls * at / (plan.seconds * FEEDING):
                feeding = feeder.feed()
            self._maybe_kill(at)
            if plan.faults and sum(self._mishaps.done.values()) < at * FAULTS_A_SECOND:
                self._mishaps.strike()
            if at >= next_report:
                next_report = at + 15
                self._reconnect(furnished)
                self._say(f"{at:.0f} s: {feeder.taken} calls, {self._workers.kills} kills")
            time.sleep(PAUSE_SECONDS)

    def _maybe_kill(self, at: float) -> None:
        """Kill when it is time, and rather while a file is on its way than between two files."""
        plan = self._plan
        owed = min(plan.kills, round(plan.kills * at / plan.seconds)) - self._workers.kills
        patience = PATIENT_KILLS if at < plan.seconds else 0
        if owed > patience or (owed > 0 and _is_sending(since=self._last_kill)):
            self._workers.kill_one()
            self._last_kill = timezone.now()

    def _owes_kills(self, at: float) -> bool:
        """Whether kills that waited are still to come, and there is time for them."""
        return self._workers.kills < self._plan.kills and at < self._plan.seconds + LATE_KILLS

    def _reconnect(self, furnished: Furnished) -> None:
        try:
            self._reconnections += reconnect(furnished)
        except (OperationalError, InterfaceError):
            connection.close()

    def _drain(self, furnished: Furnished) -> float:
        """Let the workers finish; return how long that took."""
        began = time.monotonic()
        while time.monotonic() - began < DRAIN_SECONDS and not _is_settled(furnished):
            self._workers.keep_running()
            self._reconnect(furnished)
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def _weigh(self, furnished: Furnished, feeder: Feeder, drained: float, after: int) -> Outcome:
        seconds = self._at()
        balance = take_balance(furnished.cabinet, self._sandbox.held(after=after))
        seen = self._sandbox.look("requests?last=0")
        return Outcome(
            balance=balance,
            calls_handed_in=feeder.taken,
            kills=self._workers.kills,
            uploads_cut_by_a_kill=UploadAttempt.objects.filter(
                upload__cabinet=furnished.cabinet, error_class="WorkerLost"
            ).count(),
            faults=dict(self._mishaps.done),
            refused_for_want_of_database=feeder.refusals,
            reconnections=self._reconnections,
            seconds=round(seconds, 1),
            drain_seconds=round(drained, 1),
            weighing_seconds=round(self._at() - seconds, 1),
            max_parallel=seen["max_parallel"],
            max_per_second=seen["max_per_second"],
            findings=find(
                balance,
                handed_in=feeder.taken,
                max_parallel=seen["max_parallel"],
                max_per_second=seen["max_per_second"],
            )
            + given_up_too_soon(self._reconnections, self._mishaps.done["invalid_token"]),
        )

    def _at(self) -> float:
        return time.monotonic() - self._began


def _is_sending(since: datetime) -> bool:
    """Whether a file began its way after that; one that was cut earlier stays so for its lease."""
    try:
        return Upload.objects.sending().filter(sent_at__gt=since).exists()
    except (OperationalError, InterfaceError):
        connection.close()
        return False


def _is_settled(furnished: Furnished) -> bool:
    try:
        return is_settled(furnished.cabinet)
    except (OperationalError, InterfaceError):
        connection.close()
        return False


def find(
    balance: Balance, *, handed_in: int, max_parallel: dict[str, int], max_per_second: int
) -> list[str]:
    """Return every sentence for which the soak has failed; the peaks are the sandbox's."""
    found = balance.faults()
    if balance.calls != handed_in:
        found.append(f"{handed_in} calls handed in, {balance.calls} stored")
    if max(max_parallel.values(), default=0) > MOST_PARALLEL:
        found.append(f"more than {MOST_PARALLEL} requests of a login at a time: {max_parallel}")
    if max_per_second > MOST_PER_SECOND:
        found.append(f"more than {MOST_PER_SECOND} requests in one second: {max_per_second}")
    return found


def given_up_too_soon(reconnections: int, refused_tokens: int) -> list[str]:
    """Return a sentence when accounts were given up that one renewal would have kept."""
    if reconnections * REFUSALS_OF_A_LOSS <= refused_tokens:
        return []
    return [f"{refused_tokens} refused tokens, but {reconnections} accounts to be linked anew"]


def is_sandbox(url: str) -> bool:
    """Whether a sandbox answers there, and nobody else."""
    try:
        return bool(Sandbox(url).look("health")["status"] == "ok")
    except (requests.RequestException, ValueError, KeyError):
        return False
