"""One cabinet with two counters and a sandbox, under a clock that only the test moves.

All actions are done by the product itself: receiving calls, the periodic tasks, the actions of
users. The test adds only time, faults and kills.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import time_machine
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db import transaction
from django.utils import timezone

from calls.delivery import (
    batching,
    bisection,
    expiry,
    look,
    lookup,
    polling,
    recovery,
    sending,
)
from calls.ingest import store
from calls.ingest.parsing.record import read_records
from calls.models import Way
from calls.runtime import failpoints
from calls.runtime.failpoints import Name
from calls.states import Channel
from counters import lifecycle, stops
from counters.models import Counter
from counters.settings import save as saving
from counters.sync.refresh import refresh_account
from devtools.sandbox import RunningSandbox
from integrations.installation import guard
from integrations.linking import flow, state
from integrations.models import YandexAccount
from tests import factories, installation
from tests.devtools.sandbox.actor import TIMEOUT, control, returned

BEGINNING = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
LOGIN = "okna-stolica"
NUMBERS = (91234567, 91234568)
GOAL = "calltracking_call_order"
#: Settings with which every plain call is sent.
WIDE_OPEN: dict[str, Any] = {
    "send_calls": True,
    "min_duration_seconds": 0,
    "last_attempt_only": False,
    "defer_value": 0,
}
Record = dict[str, Any]

STEPS: dict[str, Callable[[], object]] = {
    "expire": lambda: expiry.expire_overdue(now=timezone.now()),
    "release": lambda: recovery.release_stuck(now=timezone.now()),
    "look up": lookup.resolve_unclear,
    "look before sending": look.look_before_send,
    "build": lambda: batching.build_uploads(now=timezone.now()),
    "send": lambda: sending.send_due(seconds=30),
    "isolate": lambda: bisection.isolate_refused(now=timezone.now()),
    "poll": polling.poll_open,
}


class ProcessKilled(BaseException):
    """Stands for kill -9: a BaseException, which the product does not catch."""


class World:
    """The state of one example; `close` restores the database and the clock."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.records: dict[str, Record] = {}
        #: Call, counter and channel of each row of the ledger that must exist.
        self.routed: set[tuple[int, int, int]] = set()
        #: (call, counter) pairs that must arrive unless they expire or a user cancels them.
        self.must_arrive: set[tuple[int, int]] = set()
        self._stack = ExitStack()
        self._stack.enter_context(transaction.atomic())
        self._stack.callback(transaction.set_rollback, True)
        self._clock = self._stack.enter_context(time_machine.travel(BEGINNING, tick=False))
        control(sandbox, "reset", now=True)
        # They outlive the rollback: with those of the last example the database is a restored one.
        installation.reset_marks()
        self._create_objects()

    def _create_objects(self) -> None:
        self.cabinet = factories.make_cabinet()
        self.owner = factories.make_member(cabinet=self.cabinet)
        self.source = factories.make_source(cabinet=self.cabinet)
        self.link()
        made = [factories.make_counter(account=self.account, number=number) for number in NUMBERS]
        self.counters = [counter.pk for counter in made]
        shown = control(self.sandbox, "goals", counter=NUMBERS[0], name="Звонок", identifier=GOAL)
        goal = factories.make_goal(counter=made[0], identifier=GOAL, goal_id=shown["goal"]["id"])
        Counter.objects.filter(pk=made[0].pk).update(goal=goal)

    def close(self) -> None:
        """Roll back, and restore the clock and the sandbox."""
        failpoints.listener = None
        self._clear_faults()
        self._stack.close()

    # Time, faults and kills.

    def advance(self, **much: float) -> None:
        """Advance the clock of the product and of the sandbox."""
        self._clock.shift(timedelta(**much))

    def fail_next(self, name: str, **details: Any) -> None:
        """Switch a fault on for the next matching request."""
        control(self.sandbox, "faults", name=name, **{"times": 1} | details)

    def do(self, step: str) -> None:
        """Run one periodic task."""
        STEPS[step]()

    def kill_during(self, step: str, failpoint: Name) -> None:
        """Run a periodic task that is killed at the failpoint."""

        def listen(reached: Name) -> None:
            if reached == failpoint:
                raise ProcessKilled

        failpoints.listener = listen
        try:
            self.do(step)
        except ProcessKilled:
            pass
        finally:
            failpoints.listener = None

    def restart(self) -> None:
        """Note the start of a sending process: every list is read before the next upload."""
        guard.note_start(timezone.now())

    # Incoming calls.

    def receive(self, record: Record) -> store.Result:
        """Post one record, as CallKeeper does; the same record again is a repeated webhook."""
        self.records[record["universalId"]] = record
        now = timezone.now()
        read = read_records([record], source_id=self.source.public_id, zone=None, now=now)
        (result,) = store.store_calls(source=self.source, records=read, now=now, way=Way.API)
        if result.call_id is not None and result.status != "duplicate":
            self._note_routed(result.call_id)
        return result

    def _note_routed(self, call_id: int) -> None:
        """Note the rows of the ledger that the call must have from now on: of channels in use."""
        for counter in Counter.objects.filter(pk__in=self.counters):
            in_use = {Channel.CALLS: counter.send_calls, Channel.GOAL: bool(counter.goal_id)}
            self.routed |= {(call_id, counter.pk, int(one)) for one in Channel if in_use[one]}

    def receive_sendable(self, record: Record) -> None:
        """Post a plain call that every counter which sends calls now must deliver."""
        call_id = self.receive(record).call_id
        assert call_id is not None
        open_now = Counter.objects.filter(enabled=True, send_calls=True).values_list(
            "pk", flat=True
        )
        self.must_arrive |= {(call_id, counter_id) for counter_id in open_now}

    # Actions of users.

    def link(self) -> None:
        """Link the account through OAuth: authorization request, consent, callback."""
        known = YandexAccount.objects.filter(cabinet=self.cabinet).first()
        actor = state.Actor(self.owner, self.cabinet, SessionStore())
        now = timezone.now()
        page = flow.begin(actor, account=known, now=now)
        form = {"login": LOGIN, "decision": "allow"}
        answer = returned(requests.post(page, data=form, allow_redirects=False, timeout=TIMEOUT))
        attempt = state.pop_attempt(actor, state=answer["state"], now=now)
        self.account = flow.complete(attempt, code=answer["code"], now=now).account

    def disconnect(self) -> None:
        with suppress(YandexAccount.DoesNotExist):  # disconnected already
            flow.disconnect(self.account, user=self.owner, now=timezone.now())

    def set_permission(self, number: int, permission: str) -> None:
        """Change the permission of the login for a counter in Metrika."""
        control(self.sandbox, f"people/{LOGIN}/counters/{number}", permission=permission)

    def revoke_tokens(self) -> None:
        control(self.sandbox, f"people/{LOGIN}/revoke-tokens", now=True)

    def refresh_rights(self) -> None:
        """Run the hourly refresh of counters and goals."""
        refresh_account(self.account.pk, now=timezone.now())

    def switch(self, counter_id: int, *, enabled: bool) -> None:
        lifecycle.switch_counter(
            counter=Counter.objects.get(pk=counter_id),
            enabled=enabled,
            actor=self.owner,
            now=timezone.now(),
        )

    def save(self, counter_id: int, **values: Any) -> None:
        counter = Counter.objects.get(pk=counter_id)
        saving.save_settings(
            counter=counter,
            version=counter.version,
            values=values,
            actor=self.owner,
            now=timezone.now(),
        )

    # The end of all faults.

    def end_faults(self) -> None:
        """End every fault, restore permissions and the link, enable and reset every counter."""
        self._clear_faults()
        for number in NUMBERS:
            self.set_permission(number, "own")
        self.link()
        self.refresh_rights()
        self.resume_counters()
        for counter_id in self.counters:
            self.switch(counter_id, enabled=True)
            self.save(counter_id, **WIDE_OPEN)

    def resume_counters(self) -> None:
        """Let the stopped counters go on, as a person does."""
        for counter in Counter.objects.stopped():
            stops.resume(counter, actor=self.owner, now=timezone.now())

    def _clear_faults(self) -> None:
        url = f"{self.sandbox.url}/_sandbox/faults"
        requests.delete(url, timeout=TIMEOUT).raise_for_status()
