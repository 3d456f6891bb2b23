"""Random events, faults and kills during delivery; the invariants hold after each of them.

The steps have tests of their own. This one looks for unforeseen orders of events.
"""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from pytest_django import Settings

from calls.delivery import hold, recovery
from calls.models import Delivery, Upload
from calls.runtime.failpoints import Name
from calls.states import DeliveryState
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.model.invariants import InvariantChecks, open_uploads
from tests.model.world import NUMBERS, STEPS, World

COUNTERS = st.sampled_from([0, 1])
WHICH = st.integers(0, 9)
#: Faults of a request, with their parameters.
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("reset_before", {}),
    ("reset_middle", {}),
    ("reset_after_taken", {}),
    ("html_5xx", {}),
    ("html_5xx_taken", {}),
    ("garbage_200", {}),
    ("unknown_status", {}),
    ("access_denied", {}),
    ("invalid_token", {}),
    ("status_429", {"error_type": "quota_requests_by_uid"}),
    ("status_420", {"error_type": "quota_parallel_requests"}),
    ("status_403_quota", {"error_type": "quota_requests_by_ip"}),
)
#: Failpoints at which the process is killed, with the step that reaches each.
KILLS: tuple[tuple[str, Name], ...] = (
    ("build", "before_batch_commit"),
    ("build", "after_batch_commit"),
    ("send", "before_claim"),
    ("send", "before_claim_commit"),
    ("send", "after_claim"),
    ("send", "after_mark"),
    ("send", "before_request"),
    ("send", "after_answer"),
    ("send", "before_record_commit"),
    ("send", "before_failure_commit"),
    ("send", "after_record"),
    ("look up", "during_lookup"),
    ("look up", "after_lookup_record"),
    ("poll", "during_poll"),
    ("poll", "after_poll_record"),
)
#: A minute, a lease, a grace, a processing time, a day of quotas, nine of the 21 days.
PAUSES_IN_MINUTES = (1, 4, 16, 70, 25 * 60, 9 * 24 * 60)
MAX_ROUNDS = 60


class DeliveryMachine(RuleBasedStateMachine):
    """One example: a cabinet from its first call until all faults have ended."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        super().__init__()
        self.world = World(sandbox)
        self.checks = InvariantChecks(self.world)

    # Incoming calls.

    @rule(count=st.integers(1, 4))
    def calls_arrive(self, count: int) -> None:
        for _ in range(count):
            self.world.receive_sendable(factories.v3_record())

    @rule(
        hours=st.sampled_from([20 * 24, 21 * 24 - 1, 22 * 24]),
        kind=st.sampled_from(["Динамический коллтрекинг", "Статический коллтрекинг"]),
    )
    def other_call_arrives(self, hours: int, kind: str) -> None:
        started = timezone.now() - timedelta(hours=hours)
        self.world.receive(factories.v3_record(callTime=started.isoformat(), callType=kind))

    @rule(
        order=st.integers(1, 2),
        number=st.integers(1, 3),
        status=st.sampled_from(["success", "fail"]),
    )
    def attempt_arrives(self, order: int, number: int, status: str) -> None:
        self.world.receive(
            factories.v3_record(
                universalId=f"attempt-{order}-{number}",
                serviceType="callback",
                callType="Обратный звонок",
                status=status,
                yaClid=f"18000000000000000{order}{number}",
                cbCallId=order * 10 + number,
                cbAttempt=number,
                cbAttemptsQueue=[order * 10 + 1],
            )
        )

    @precondition(lambda self: self.world.records)
    @rule(which=WHICH, duration=st.sampled_from([5, 152, 600]))
    def call_changes_or_comes_again(self, which: int, duration: int) -> None:
        known = list(self.world.records.values())
        self.world.receive(known[which % len(known)] | {"duration": duration})

    @rule()
    def call_with_bad_row_arrives(self) -> None:
        record = factories.v3_record()
        self.world.fail_next("whole_file_400", times=None, marker=record["yaClid"])
        self.world.receive(record)

    # Actions of users.

    @rule(
        which=COUNTERS,
        send_calls=st.booleans(),
        shortest=st.sampled_from([0, 30]),
        last_only=st.booleans(),
        defer=st.sampled_from([0, 0, 2]),
    )
    def settings_change(
        self, which: int, send_calls: bool, shortest: int, last_only: bool, defer: int
    ) -> None:
        self.world.save(
            self.world.counters[which],
            send_calls=send_calls,
            min_duration_seconds=shortest,
            last_attempt_only=last_only,
            defer_value=defer,
        )

    @rule(which=COUNTERS, enabled=st.booleans())
    def counter_is_switched(self, which: int, enabled: bool) -> None:
        self.world.switch(self.world.counters[which], enabled=enabled)

    @rule(act=st.sampled_from(["disconnect", "revoke", "link", "link"]))
    def account_changes(self, act: str) -> None:
        acts = {
            "disconnect": self.world.disconnect,
            "revoke": self.world.revoke_tokens,
            "link": self.world.link,
        }
        acts[act]()

    @rule(which=COUNTERS, permission=st.sampled_from(["view", "own"]))
    def permission_changes(self, which: int, permission: str) -> None:
        self.world.set_permission(NUMBERS[which], permission)
        self.world.refresh_rights()

    @rule(which=WHICH, act=st.sampled_from(["retry", "gather", "look up", "poll", "call off"]))
    def user_acts_on_an_upload(self, which: int, act: str) -> None:
        ids = list(Upload.objects.order_by("-pk").values_list("pk", flat=True))[which : which + 1]
        who: dict[str, Any] = {"actor": self.world.owner}
        now = timezone.now()
        if act == "retry":
            recovery.retry_uploads(ids, now=now, **who)
        elif act == "gather":
            recovery.gather_again(ids, now=now, **who)
        elif act == "look up":
            recovery.look_up_now(ids, **who)
        elif act == "poll":
            recovery.poll_now(ids, now=now, **who)
        elif recovery.call_off_uploads(ids, now=now, **who):
            self._need_not_arrive(Delivery.objects.filter(upload_id__in=ids))

    @rule(which=WHICH, act=st.sampled_from(["release", "call off"]))
    def user_acts_on_a_call(self, which: int, act: str) -> None:
        rows = Delivery.objects.order_by("call_id", "counter_id", "channel")
        for delivery in rows.exclude(state=DeliveryState.BATCHED)[which : which + 1]:
            if act == "release":
                hold.release(delivery, actor=self.world.owner, now=timezone.now())
            elif hold.call_off(delivery, actor=self.world.owner, now=timezone.now()):
                self._need_not_arrive([delivery])

    def _need_not_arrive(self, rows: Any) -> None:
        self.world.must_arrive -= {(row.call_id, row.counter_id) for row in rows}

    # Time and periodic tasks, with and without faults.

    @rule(minutes=st.sampled_from(PAUSES_IN_MINUTES))
    def time_passes(self, minutes: int) -> None:
        self.world.advance(minutes=minutes)

    @rule(step=st.sampled_from(list(STEPS)))
    def step_is_done(self, step: str) -> None:
        self.world.do(step)

    @rule()
    def whole_round_is_done(self) -> None:
        for step in STEPS:
            self.world.do(step)

    @rule(fault=st.sampled_from(FAULTS), is_list_behind=st.booleans())
    def send_with_a_fault(self, fault: tuple[str, dict[str, Any]], is_list_behind: bool) -> None:
        name, details = fault
        self.world.do("build")
        self.world.fail_next(name, **details)
        if is_list_behind:
            self.world.fail_next("list_lag", seconds=600)
        self.world.do("send")

    @rule(fault=st.sampled_from([one for one in FAULTS if "quota" in str(one) or "5xx" in one[0]]))
    def list_with_a_fault(self, fault: tuple[str, dict[str, Any]]) -> None:
        name, details = fault
        if name != "html_5xx_taken":
            self.world.fail_next(name, match={"path_contains": "uploadings"}, **details)
        for step in ("look up", "look before sending", "poll"):
            self.world.do(step)

    @rule(kill=st.sampled_from(KILLS))
    def process_is_killed(self, kill: tuple[str, Name]) -> None:
        self.world.kill_during(*kill)

    @rule()
    def sending_process_starts(self) -> None:
        self.world.restart()

    # Invariants.

    @invariant()
    def ledger_uploads_and_metrika_agree(self) -> None:
        self.checks.check()

    def teardown(self) -> None:
        try:
            self._drain()
        finally:
            self.world.close()

    def _drain(self) -> None:
        self.world.end_faults()
        for number in range(MAX_ROUNDS):
            everything = Upload.objects.values_list("pk", flat=True)
            recovery.retry_uploads(everything, actor=self.world.owner, now=timezone.now())
            for step in STEPS:
                self.world.do(step)
            waits = Delivery.objects.filter(state=DeliveryState.WAITING).exists()
            if not waits and not open_uploads():
                break
            if number % 10 == 9:
                # At the start the login may have been paused by a spent quota.
                self.world.refresh_rights()
                # Rows that Metrika refuses are judged once it takes another file of the counter.
                self.world.resume_counters()
                self.calls_arrive(count=1)
            self.world.advance(minutes=16 if number < 8 else 70)
        self.checks.check()
        self.checks.check_end()


@pytest.mark.contract("A3", "B2", "B4", "B5", "C5")
def test_random_events_deliver_every_call_once_and_keep_the_ledger_true(
    db: None, sandbox: RunningSandbox
) -> None:
    class Machine(DeliveryMachine):
        def __init__(self) -> None:
            super().__init__(sandbox)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.contract("B5", "B6")
def test_invariants_fail_for_a_sender_without_grace(
    db: None, sandbox: RunningSandbox, settings: Settings
) -> None:
    """Proves that the invariants detect a double."""
    settings.UNCLEAR_GRACE_SECONDS = 0
    with closing(World(sandbox)) as world:
        checks = InvariantChecks(world)
        world.receive_sendable(factories.v3_record())
        world.do("build")
        world.fail_next("reset_after_taken")
        world.fail_next("list_lag", seconds=600)
        world.do("send")
        checks.check()

        for _ in range(3):
            world.do("look up")
        world.do("send")

        with pytest.raises(AssertionError):
            checks.check()
