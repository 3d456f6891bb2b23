"""The same calls through every way in give one call, one delivery and one row in Metrika each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.calls.call_links import key_of
from tests.journeys.observed import (
    DELIVERED,
    Intake,
    Key,
    LedgerEntry,
    Metrika,
    columns,
    intake,
    ledger,
    stored_calls,
)
from tests.journeys.oracle import CALLS, GOAL, CounterSettings, Oracle
from tests.journeys.person import Person
from tests.journeys.product import Product, free_port, wait_for
from tests.journeys.same_calls import Record, same_calls
from tests.journeys.ways import CODES, Ways

COUNT = 400
#: Primary key of the one cabinet of an empty product.
FIRST_CABINET = 1
WINDOWS = CounterSettings(number=91234567, goal="calltracking_call_order")
MY_SITE = CounterSettings(number=91234602)
#: The counters with the channels in use.
USED = ((WINDOWS, CALLS), (WINDOWS, GOAL), (MY_SITE, CALLS))
DELIVERY_SECONDS = 60


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Product]:
    """A running product with an empty cabinet."""
    started = Product(tmp_path / "data", free_port())
    try:
        started.start()
        yield started
    finally:
        started.end()


def test_same_calls_through_every_way_are_stored_and_sent_once(
    installation: Product, page: Page, tmp_path: Path
) -> None:
    # Given two counters that take every call, one of them for both channels
    person = Person(page, installation.url)
    person.sign_in(installation.ready["username"], installation.ready["password"])
    set_up_counters(person)

    # When the same calls come by all the ways at once
    records = same_calls(COUNT, since=datetime.now(UTC))
    Ways(installation, person, tmp_path).receive(records)

    # Then each is stored and decided once, and Metrika has one right row of it for each channel
    oracle = oracle_of(records, installation.url)
    assert sorted(stored_calls(installation.data)) == sorted(oracle.records)
    assert settled(installation).keys() == keys(oracle)
    assert_exactly(Metrika(installation.ready["sandbox_url"]), oracle)

    # And what each way received is accounted for, to the record
    assert_counted(intake(installation.data), CODES)
    assert person.browser_errors == []


def set_up_counters(person: Person) -> None:
    person.link("Анна Столичная")
    person.add_counters(WINDOWS.number, MY_SITE.number)
    for name in ("Окна Столица", "Мой сайт"):
        person.open_settings(name)
        if name == "Окна Столица":
            person.select("Достижение цели", "Звонок коллтрекинга (calltracking_call_order)")
        person.choose("Сайты", "Все сайты")
        person.save()


def oracle_of(records: list[Record], url: str) -> Oracle:
    by_id = {record["universalId"]: record for record in records}
    pages = {call: f"{url}/lk/integrations/calls/{key_of(FIRST_CABINET, call)}" for call in by_id}
    return Oracle(by_id, pages, datetime.now(UTC))


def keys(oracle: Oracle) -> set[Key]:
    """Return the call, counter and channel of every entry that the ledger has to have."""
    return {(call, one.number, channel) for call in oracle.records for one, channel in USED}


def settled(installation: Product) -> dict[Key, LedgerEntry]:
    """Wait until every delivery of the ledger is made; return the ledger."""

    def look() -> dict[Key, LedgerEntry] | None:
        entries = ledger(installation.data)
        is_done = all(entry.state in DELIVERED for entry in entries.values())
        return entries if entries and is_done else None

    return wait_for(look, seconds=DELIVERY_SECONDS, what="every delivery is made")


def assert_exactly(metrika: Metrika, oracle: Oracle) -> None:
    """Metrika has exactly one row of each call in each channel, with all its values."""
    for one, channel in USED:
        rows = (oracle.expected(one, call, channel).row for call in oracle.records)
        assert columns(metrika.held(one.number, channel)) == columns(map(dict, rows))
    assert metrika.doubles() == 0


def assert_counted(counts: dict[str, Intake], ways: set[str]) -> None:
    """Every way received every call; one of them made it, and none was rejected."""
    assert counts.keys() == ways
    for way, count in counts.items():
        assert count.received == count.created + count.known
        assert count.received == COUNT or (way == "pull" and count.received % COUNT == 0)
    assert sum(count.created for count in counts.values()) == COUNT
