"""The past that all stories share: traffic, a moment that is kept, more traffic, a disaster."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from cabinets.models import Cabinet
from calls.models import Upload
from counters.models import Counter
from devtools.soak.balance import is_settled
from integrations.models import YandexAccount
from tests import factories
from tests.faults.drill.machine import Machine
from tests.faults.drill.traffic import Site, Traffic
from tests.faults.wait import wait_for

GOAL = "calltracking_call_order"
#: A site for every state that an upload may have when the database is kept, and one of calls that
#: wait. `…_taken`: Metrika has the file.
ACCEPTED = Site("accepted", 91234567, "okna-stolica", GOAL)
UNCLEAR_TAKEN = Site("unclear_taken", 91234568, "okna-stolica")
UNCLEAR = Site("unclear", 91234601, "okna-stolica")
SENDING_TAKEN = Site("sending_taken", 91234602, "okna-stolica")
SENDING = Site("sending", 91400010, "agency-media")
LATER = Site("later", 91400011, "agency-media")
READY = Site("ready", 91400012, "agency-media", GOAL)
WAITING = Site("waiting", 91300042, "klinika-ural")
SITES = (
    *(ACCEPTED, UNCLEAR_TAKEN, UNCLEAR, SENDING_TAKEN, SENDING),
    *(LATER, READY, WAITING),
)
#: The states of their uploads at that moment.
STAGED = {
    ("accepted", "processed"): 2,
    ("unclear_taken", "unclear"): 1,
    ("unclear", "unclear"): 1,
    ("sending_taken", "sending"): 1,
    ("sending", "sending"): 1,
    ("later", "later"): 1,
    ("ready", "ready"): 2,
}
SETTLE_SECONDS = 60


def set_up(machine: Machine) -> Traffic:
    """Make a cabinet with a source and the counters of all sites."""
    with machine.opened():
        cabinet = factories.make_cabinet()
        source = factories.make_source(cabinet=cabinet)
        accounts = {
            login: factories.make_account(
                cabinet=cabinet,
                login=login,
                access_token=machine.sandbox.link(login),
                refresh_token="",
            )
            for login in sorted({site.login for site in SITES})
        }
        for site in SITES:
            _add_counter(site, accounts[site.login])
    return Traffic(source.public_id)


def _add_counter(site: Site, account: YandexAccount) -> None:
    """Add a counter that takes the calls of its own site only."""
    counter = factories.make_counter(
        account=account,
        number=site.number,
        name=site.name,
        site=site.host,
        site_host=site.host,
        site_mode=Counter.SiteMode.OWN,
    )
    if site.goal:
        counter.goal = factories.make_goal(counter=counter, identifier=site.goal)
        counter.save()


def stage(machine: Machine, traffic: Traffic, calls: int) -> None:
    """Bring calls of every site to its state; no sender runs afterwards."""
    _post(machine, traffic, ACCEPTED, calls)
    machine.start_sender()
    _wait_settled(machine)
    machine.stop_senders()
    for site, fault in ((UNCLEAR_TAKEN, "reset_after_taken"), (UNCLEAR, "reset_before")):
        machine.sandbox.fault(fault, match={"counter": site.number})
        _build(machine, traffic, site, calls)
        machine.run(task="send_due")
    for site, point in ((SENDING_TAKEN, "after_body"), (SENDING, "before_request")):
        _build(machine, traffic, site, calls)
        machine.run(task="send_due", at=point)
    _build(machine, traffic, LATER, calls)
    # A connection that is refused: certainly not taken.
    machine.run(task="send_due", addresses={"METRIKA_API_URL": "http://127.0.0.1:9"})
    _build(machine, traffic, READY, calls)
    _post(machine, traffic, WAITING, calls)
    with machine.opened():
        found = _states()
        assert found == STAGED, found


def go_on(machine: Machine, traffic: Traffic, calls: int) -> None:
    """Deliver all of it and new calls of every site; then die in the middle of two uploads."""
    with machine.opened():
        for site in SITES:
            traffic.post(site, calls)
    for _ in range(2):
        machine.start_sender()
    _wait_settled(machine)
    machine.stop_senders()
    for site, point in ((WAITING, "after_body"), (READY, "before_request")):
        _build(machine, traffic, site, calls)
        machine.run(task="send_due", at=point)


def copy_world(state: Path, target: Path) -> Path:
    """Copy the file of a running sandbox: a second world with the same past."""
    with closing(sqlite3.connect(state)) as known, closing(sqlite3.connect(target)) as copy:
        known.backup(copy)
    return target


def settle(machine: Machine) -> None:
    """Let a sender work until every row of the ledger is final."""
    machine.start_sender()
    _wait_settled(machine)
    machine.stop_senders()


def _post(machine: Machine, traffic: Traffic, site: Site, calls: int) -> None:
    with machine.opened():
        traffic.post(site, calls)


def _build(machine: Machine, traffic: Traffic, site: Site, calls: int) -> None:
    """Post calls of the site and build their uploads; none is sent."""
    _post(machine, traffic, site, calls)
    for task in ("look_before_send", "build_uploads"):
        machine.run(task=task)


def _states() -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for key in Upload.objects.values_list("counter__name", "state"):
        found[key] = found.get(key, 0) + 1
    return found


def _wait_settled(machine: Machine) -> None:
    with machine.opened():
        wait_for(_is_settled, seconds=SETTLE_SECONDS, what="every upload is final")


def _is_settled() -> bool:
    return all(is_settled(cabinet) for cabinet in Cabinet.objects.all())
