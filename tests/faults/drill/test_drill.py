"""The drill of docs/backup.md: a restored database, a copy beside production, a failover.

Each time the database knows less than Metrika has, or another database sends beside it. Metrika's
rows are compared with what CallKeeper posted, whatever the database says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cabinets.models import Cabinet
from calls.models import Call, Delivery, UploadAttempt
from calls.states import MAYBE_SENT, Channel, DeliveryState
from devtools.soak.balance import take_balance
from integrations.models import Installation, YandexAccount
from tests.calls.call_links import key_of
from tests.faults.drill import clusters, timeline
from tests.faults.drill.conftest import Past
from tests.faults.drill.machine import Machine
from tests.faults.drill.traffic import Comparison, Row, compare, wrong_links
from tests.faults.results import Result
from tests.faults.sandbox_process import SandboxProcess
from tests.faults.wait import wait_for

HALT_SECONDS = 30


@pytest.mark.contract("B27")
def test_copy_beside_production_sends_nothing(past: Past, result: Result) -> None:
    copy = past.beside
    with past.production.opened():
        assert Installation.objects.get().halt_reason == ""
    with copy.opened():
        assert is_halted(copy)
        assert not UploadAttempt.objects.filter(started_at__gt=past.kept_at).exists()
    found = compare(past.traffic, copy.sandbox)
    assert (found.doubles, found.strange) == (0, set())

    # Made a copy by order, it may run for good: it has no token to send with.
    with copy.opened():
        copy.manage("adopt_installation", "--as-copy")
        assert Installation.objects.get().kind == Installation.Kind.COPY
        assert not YandexAccount.objects.exclude(access_token="").exists()
        calls = Call.objects.count()
        past.traffic.repeat()
        assert Call.objects.count() > calls
    for task in ("build_uploads", "release_stuck", "resolve_unclear", "send_due", "poll_open"):
        copy.run(task=task)

    assert compare(past.traffic, copy.sandbox) == found
    with copy.opened():
        assert not UploadAttempt.objects.filter(started_at__gt=past.kept_at).exists()
    result.fault = "a dump restored beside production, with a broker of its own, senders running"
    measure(result, past, found)


@pytest.mark.contract("B26")
def test_restored_database_doubles_and_loses_nothing(
    past: Past, world: SandboxProcess, result: Result
) -> None:
    database = clusters.restore(past.primary, past.dumped, "restored")
    machine = past.survivor("restored", database=database, sandbox=world, left="mark, sent, broker")
    began = time.monotonic()
    with running(machine):
        wait_halted(machine)
        # Calls are taken in meanwhile, those that were lost among them.
        past.traffic.repeat()
        machine.manage("after_restore")
        assert is_halted(machine)
        assert world.posts() == 0
        machine.manage("after_restore", "--apply")
        assert not is_halted(machine)
    timeline.settle(machine)

    found = assert_all_there_once(past, machine)
    result.fault = "a dump restored over production; the sender repeats before `after_restore`"
    measure(result, past, found, time.monotonic() - began)


@pytest.mark.contract("B26")
def test_failover_to_a_lagging_replica_doubles_and_loses_nothing(
    past: Past, world: SandboxProcess, result: Result
) -> None:
    clusters.promote(past.replica)
    machine = past.survivor("replica", database=past.replica.url, sandbox=world, left="mark, sent")
    began = time.monotonic()
    with running(machine):
        wait_halted(machine)
        machine.manage("after_restore", "--apply")
        # Only now: by then the files that have them were taken over without them.
        past.traffic.repeat()
    timeline.settle(machine)

    found = assert_all_there_once(past, machine)
    result.fault = "failover to a replica that lags, the broker empty; the sender repeats at last"
    measure(result, past, found, time.monotonic() - began)


@pytest.mark.contract("B26")
def test_new_machine_without_manifests_doubles_nothing_and_names_what_may_be_missing(
    past: Past, world: SandboxProcess, result: Result
) -> None:
    database = clusters.restore(past.primary, past.dumped, "new")
    machine = past.survivor("new", database=database, sandbox=world, left="nothing")
    began = time.monotonic()
    with running(machine):
        wait_halted(machine)
        past.traffic.repeat()
        machine.manage("after_restore", "--apply")
    timeline.settle(machine)

    found = compare(past.traffic, machine.sandbox)
    assert (found.doubles, found.strange) == (0, set())
    with machine.opened():
        # Which calls a file had cannot be known: they wait for a person, those that went too.
        assert found.missing
        assert found.missing <= rows_that_wait_for_a_person()
    result.fault = "a dump restored on a new machine, marks and manifests lost"
    measure(result, past, found, time.monotonic() - began)


@pytest.mark.contract("B26", "B29")
def test_machine_whose_marks_went_back_as_well_doubles_nothing(
    past: Past, world: SandboxProcess, result: Result
) -> None:
    database = clusters.restore(past.primary, past.dumped, "snapshot")
    machine = past.snapshot.like(database=database, sandbox=world)
    began = time.monotonic()
    with running(machine):
        past.traffic.repeat()
    timeline.settle(machine)

    # Nothing disagrees, so nothing is halted: the look before the first send is what is left.
    found = compare(past.traffic, machine.sandbox)
    assert (found.doubles, found.strange) == (0, set())
    with machine.opened():
        assert not is_halted(machine)
        assert found.missing <= rows_that_wait_for_a_person()
    result.fault = (
        "a snapshot of the whole machine: database, marks and manifests went back together"
    )
    measure(result, past, found, time.monotonic() - began)


@contextmanager
def running(machine: Machine) -> Iterator[None]:
    """Run two senders of the machine until the end of the block, in which it is opened."""
    try:
        for _ in range(2):
            machine.start_sender()
        with machine.opened():
            yield
    finally:
        machine.stop_senders()


def is_halted(machine: Machine) -> bool:
    """Whether sending is halted, and /readyz says so."""
    _status, checks = machine.readiness()
    halted = bool(Installation.objects.get().halt_reason)
    assert (checks["installation"] == "ok") is not halted
    return halted


def wait_halted(machine: Machine) -> None:
    wait_for(
        lambda: Installation.objects.get().halt_reason, seconds=HALT_SECONDS, what="it is halted"
    )
    assert is_halted(machine)


def assert_all_there_once(past: Past, machine: Machine) -> Comparison:
    """Expect every posted call in Metrika once, and the ledger and the links to agree with it."""
    found = compare(past.traffic, machine.sandbox)
    assert (found.doubles, found.missing, found.strange) == (0, set(), set())
    with machine.opened():
        assert not is_halted(machine)
        balance = take_balance(Cabinet.objects.get(), machine.sandbox.held())
        assert wrong_links(past.traffic, machine.sandbox, pages()) == 0
    assert (balance.doubles, balance.losses, balance.is_settled) == (0, 0, True)
    assert balance.sent == balance.attached == balance.held == found.rows
    return found


def rows_that_wait_for_a_person() -> set[Row]:
    """Return the rows of calls that may be in a file that the database does not know."""
    waiting = Delivery.objects.filter(state=DeliveryState.SKIPPED, reason=MAYBE_SENT)
    visitors = dict(Call.objects.values_list("pk", "client_id"))
    channels = {Channel.CALLS: "calls", Channel.GOAL: "goal"}
    return {
        (number, channels[Channel(channel)], visitors[call])
        for number, channel, call in waiting.values_list("counter__number", "channel", "call_id")
    }


def pages() -> dict[str, str]:
    """Return the external id of the call that each address shows, by key and by number."""
    calls = list(Call.objects.only("cabinet_id", "external_id"))
    by_key = {key_of(call.cabinet_id, call.external_id): call.external_id for call in calls}
    return by_key | {str(call.pk): call.external_id for call in calls}


def measure(result: Result, past: Past, found: Comparison, seconds: float | None = None) -> None:
    result.calls, result.rows = len(past.traffic.records), found.rows
    result.doubles, result.losses = found.doubles, 0
    result.seconds = seconds and round(seconds, 1)
