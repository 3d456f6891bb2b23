"""One cabinet with two counters before a sandbox, under a clock that only the test moves.

Everything that acts here is the product itself: the door's intake, the steps of the timetable, the
moves of people. Only time, faults and deaths are the test's.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
import time_machine
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db import transaction
from django.utils import timezone

from calls.delivery import batching, bisection, expiry, lookup, polling, recovery, sending
from calls.ingest import store
from calls.ingest.parsing.record import read_records
from calls.runtime import failpoints
from calls.runtime.failpoints import Name
from counters import lifecycle
from counters.models import Counter
from counters.settings import save as saving
from counters.sync.refresh import refresh_account
from devtools.sandbox import RunningSandbox
from integrations.linking import flow, state
from integrations.models import YandexAccount
from tests import factories
from tests.devtools.sandbox.actor import TIMEOUT, control, returned

BEGINNING = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
LOGIN = "okna-stolica"
NUMBERS = (91234567, 91234568)
GOAL = "calltracking_call_order"
#: Settings with which no plain call is set aside.
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
    "build": lambda: batching.build_uploads(now=timezone.now()),
    "send": lambda: sending.send_due(seconds=30),
    "isolate": lambda: bisection.isolate_refused(now=timezone.now()),
    "poll": polling.poll_open,
}


class Death(BaseException):
    """The end of a process, which nothing catches."""


class World:
    """Undone by `close`: the database and the clock are as before."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.records: dict[str, Record] = {}
        #: Call and counter for which nothing but the 21 days or a person may prevent the sending.
        self.certain: set[tuple[int, int]] = set()
        self._ends = ExitStack()
        self._ends.enter_context(transaction.atomic())
        self._ends.callback(transaction.set_rollback, True)
        self._clock = self._ends.enter_context(time_machine.travel(BEGINNING, tick=False))
        control(sandbox, "reset", now=True)
        self._furnish()

    def _furnish(self) -> None:
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
        """Forget everything."""
        failpoints.listener = None
        self._clear_faults()
        self._ends.close()

    # Time, faults and deaths.

    def push(self, **much: float) -> None:
        """Let time pass for both sides."""
        self._clock.shift(timedelta(**much))

    def break_next(self, name: str, **details: Any) -> None:
        """Switch a fault on for the next request that it is about."""
        control(self.sandbox, "faults", name=name, **{"times": 1} | details)

    def do(self, step: str) -> None:
        """Do one step of the timetable."""
        STEPS[step]()

    def die_during(self, step: str, moment: Name) -> None:
        """Do a step in a process that dies when it gets to the moment."""

        def listen(reached: Name) -> None:
            if reached == moment:
                raise Death

        failpoints.listener = listen
        try:
            self.do(step)
        except Death:
            pass
        finally:
            failpoints.listener = None

    # What comes in.

    def take(self, record: Record) -> store.Result:
        """Post one record, as CallKeeper does; the same once more is a repeat of the webhook."""
        self.records[record["universalId"]] = record
        now = timezone.now()
        read = read_records([record], source_id=self.source.public_id, zone=None, now=now)
        (result,) = store.store_calls(source=self.source, records=read, now=now)
        return result

    def take_certain(self, record: Record) -> None:
        """Post a plain call; every counter that takes calls now has to get it."""
        call_id = self.take(record).call_id
        assert call_id is not None
        open_now = Counter.objects.filter(enabled=True, send_calls=True).values_list(
            "pk", flat=True
        )
        self.certain |= {(call_id, counter_id) for counter_id in open_now}

    # What people do.

    def link(self) -> None:
        """Go the whole way of a link: to Yandex, «Разрешить», and back."""
        known = YandexAccount.objects.filter(cabinet=self.cabinet).first()
        actor = state.Actor(self.owner, self.cabinet, SessionStore())
        now = timezone.now()
        page = flow.begin(actor, account=known, now=now)
        form = {"login": LOGIN, "decision": "allow"}
        answer = returned(requests.post(page, data=form, allow_redirects=False, timeout=TIMEOUT))
        attempt = state.pop_attempt(actor, state=answer["state"], now=now)
        self.account = flow.complete(attempt, code=answer["code"], now=now).account

    def disconnect(self) -> None:
        flow.disconnect(self.account, user=self.owner, now=timezone.now())

    def set_right(self, number: int, permission: str) -> None:
        """Change in Metrika what the person may do with a counter."""
        control(self.sandbox, f"people/{LOGIN}/counters/{number}", permission=permission)

    def revoke_tokens(self) -> None:
        control(self.sandbox, f"people/{LOGIN}/revoke-tokens", now=True)

    def look_at_rights(self) -> None:
        """Do the hourly refresh of counters and goals."""
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

    # The end of all trouble.

    def heal(self) -> None:
        """End every fault and open everything that a person can open."""
        self._clear_faults()
        for number in NUMBERS:
            self.set_right(number, "own")
        self.link()
        self.look_at_rights()
        for counter_id in self.counters:
            self.switch(counter_id, enabled=True)
            self.save(counter_id, **WIDE_OPEN)

    def _clear_faults(self) -> None:
        url = f"{self.sandbox.url}/_sandbox/faults"
        requests.delete(url, timeout=TIMEOUT).raise_for_status()
