"""The whole job with the real command and processes: link, choose, set up, receive, deliver."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.calls.call_links import key_of
from tests.journeys import calls
from tests.journeys.observed import (
    FINAL,
    Key,
    LedgerEntry,
    Metrika,
    columns,
    ledger,
    state_by_linked,
)
from tests.journeys.oracle import CALLS, GOAL, CounterSettings, Oracle
from tests.journeys.person import Person
from tests.journeys.product import Product, free_port, wait_for
from tests.journeys.webhook_client import WebhookClient, statuses

#: Primary key of the one cabinet of an empty product.
FIRST_CABINET = 1
WINDOWS = CounterSettings(
    number=91234567,
    kinds=frozenset({"dynamic", "static"}),
    successful_only=True,
    from_seconds=60,
    tags={"incoming": 'Коллтрек «Окна», "тёплые"; 🪟'},
    price="1500.50",
    goal="calltracking_call_order",
)
MY_SITE = CounterSettings(
    number=91234602,
    only_site="mysite.ru",
    mask_phones=True,
    identifiers=("Yclid", "ClientId", "UserId"),
    skips_technical=False,
)
#: Totals of the pages: name of the counter, name of the channel, and what they count.
TOTALS = (
    ("Окна Столица", "Звонки", WINDOWS, CALLS),
    ("Окна Столица", "Цель", WINDOWS, GOAL),
    ("Мой сайт", "Звонки", MY_SITE, CALLS),
)
DELIVERY_SECONDS = 120
BULK = 300
WORDS = {
    "accepted": "Принят, привязан",
    "partly_linked": "Принят, в файле привязаны не все",
    "accepted_static": "Принят, непривязанный",
    "unmatched": "Принят, визит не найден",
    "skipped": "Не отправляется",
    # After the order of a person only calls past Metrika's 21 days are left with this reason.
    "before_connection": "Опоздал",
}
#: A call that one of these refuses does not concern the counter: it has no entry.
ROUTING = {"site", "goal_not_set"}
REFUSALS = (
    "test_call",
    "before_connection",
    "technical",
    "call_type",
    "status",
    "too_short",
    "not_last_attempt",
    "no_identifier",
    "static_no_goal",
    "unlinked_no_goal",
)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Product]:
    """A running product with an empty cabinet."""
    started = Product(tmp_path / "data", free_port())
    try:
        started.start()
        yield started
    finally:
        started.end()


def test_every_call_is_delivered_by_the_settings_and_a_restart_changes_nothing(
    installation: Product, page: Page
) -> None:
    # Given two counters of a linked account, set up differently in the cabinet
    person = Person(page, installation.url)
    person.sign_in(installation.ready["username"], installation.ready["password"])
    set_up(person)

    # When calls of all kinds come through the signed endpoint, some of them more than once
    source = installation.ready["source"]
    client = WebhookClient(installation.url, source["id"], source["secret"])
    oracle = send_everything(client, installation.url)

    # And the person orders those from before the counters were connected
    person.send_earlier_calls("Окна Столица")
    person.send_earlier_calls("Мой сайт")

    # Then within two minutes each has the true state, and Metrika has the right rows, each once
    metrika = Metrika(installation.ready["sandbox_url"])
    entries = settled(installation, oracle)
    assert_truthful(entries, oracle, metrika)
    assert_exactly(metrika, oracle)
    for counter, title, settings, channel in TOTALS:
        assert person.totals(counter, title) == totals(entries, settings, channel)

    # And a call that changes after it was sent is not sent again, and the page says so
    change_one(client, oracle, page)

    # When the integration is switched off and on, and everything is stopped and started
    switch_off_and_on(person)
    restart(installation)

    # Then nothing has changed, and a new call goes the same way
    assert ledger(installation.data) == entries
    assert_exactly(metrika, oracle)
    send_one_more(client, oracle, installation.url)
    assert settled(installation, oracle).items() >= entries.items()
    assert_exactly(metrika, oracle)
    assert person.browser_errors == []


def change_one(client: WebhookClient, oracle: Oracle, page: Page) -> None:
    """Send another version of a call that was sent, and expect its page to say so."""
    changed = next(iter(calls.odd_ones(oracle.now))) | {"tags": ["Спам"]}
    assert statuses(client.post([changed])) == {"updated"}
    page.goto(oracle.pages[changed["universalId"]])
    expect(page.get_by_text("После отправки данные звонка изменились.")).to_be_visible()


def switch_off_and_on(person: Person) -> None:
    for name, on in product(("Окна Столица", "Мой сайт"), (False, True)):
        person.turn(name, on=on)


def restart(installation: Product) -> None:
    assert installation.stop() == 0
    assert installation.processes() == []
    installation.start()


def set_up(person: Person) -> None:
    """Link an account, add two counters of it and save their settings."""
    person.link("Анна Столичная")
    person.add_counters(WINDOWS.number, MY_SITE.number)
    set_up_windows(person)
    set_up_my_site(person)


def set_up_windows(person: Person) -> None:
    person.open_settings("Окна Столица")
    person.select("Достижение цели", "Звонок коллтрекинга (calltracking_call_order)")
    person.choose("Тип звонка", "Только входящие звонки")
    person.page.get_by_role("spinbutton", name="Длительность").fill("60")
    person.choose("Статус звонка", "Только успешные")
    person.choose("Тегирование", "Установить теги вручную")
    assert WINDOWS.tags is not None
    person.page.get_by_label("Для входящих звонков:").fill(WINDOWS.tags["incoming"])
    person.choose("Сайты", "Все сайты")
    person.page.get_by_role("textbox", name="Ценность звонка").fill("1 500,50")
    person.save()


def set_up_my_site(person: Person) -> None:
    person.open_settings("Мой сайт")
    person.page.get_by_role("checkbox", name="Не отправлять технические отмены").uncheck()
    person.choose("Номер телефона", "Скрыть середину")
    person.select("Порядок идентификаторов", "Yclid, затем ClientId, затем UserId")
    person.save()


def send_everything(client: WebhookClient, url: str) -> Oracle:
    """Post all calls, repeat some; return the oracle of their results."""
    now = datetime.now(UTC)
    started = calls.going_on(now)
    first = [*calls.published_sample(), *calls.odd_ones(now), started]
    many = calls.generated(now)
    bulks = [first, *(many[start : start + BULK] for start in range(0, len(many), BULK))]
    names = [uuid.uuid4().hex for _bulk in bulks]
    answers = [client.post(bulk, webhook_id=name) for bulk, name in zip(bulks, names, strict=True)]
    assert {word for answer in answers for word in statuses(answer)} == {"created"}

    repeated = client.post(bulks[3], webhook_id=names[3])
    assert repeated == answers[3] | {"duplicate": True}
    assert statuses(client.post(bulks[5][:200])) == {"duplicate"}
    assert statuses(client.post([calls.finished(started)])) == {"updated"}

    records = [*(record for bulk in bulks for record in bulk), calls.finished(started)]
    return Oracle(by_id(records), pages_of(answers, url), now)


def send_one_more(client: WebhookClient, oracle: Oracle, url: str) -> None:
    record = calls.fresh(datetime.now(UTC))
    answer = client.post([record])
    oracle.records = {**oracle.records, **by_id([record])}
    oracle.pages = {**oracle.pages, **pages_of([answer], url)}


def by_id(records: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {record["universalId"]: record for record in records}


def pages_of(answers: Iterable[dict[str, Any]], url: str) -> dict[str, str]:
    return {
        result["universalId"]: (
            f"{url}/lk/integrations/calls/{key_of(FIRST_CABINET, result['universalId'])}"
        )
        for answer in answers
        for result in answer["results"]
    }


def keys(oracle: Oracle) -> set[Key]:
    """Return the call, counter and channel of every entry that the ledger has to have."""
    pairs = product(oracle.records, (WINDOWS, MY_SITE), (CALLS, GOAL))
    return {
        (call, settings.number, channel)
        for call, settings, channel in pairs
        if not ROUTING & oracle.expected(settings, call, channel).reasons
    }


def settled(installation: Product, oracle: Oracle) -> dict[Key, LedgerEntry]:
    """Wait until every call is in a final state for both counters; return the ledger."""

    def look() -> dict[Key, LedgerEntry] | None:
        entries = ledger(installation.data)
        is_settled = all(entry.state in FINAL for entry in entries.values())
        return entries if is_settled and entries.keys() == keys(oracle) else None

    return wait_for(look, seconds=DELIVERY_SECONDS, what="every call has a final state")


def assert_truthful(entries: dict[Key, LedgerEntry], oracle: Oracle, metrika: Metrika) -> None:
    """The ledger has the expected states, and agrees with what Metrika did with each file."""
    linked = metrika.linked_by_uploading()
    mismatches = {}
    for (call, number, channel), entry in entries.items():
        settings = WINDOWS if number == WINDOWS.number else MY_SITE
        outcome = oracle.expected(settings, call, channel)
        is_static = outcome.row.get("StaticCall") == "1"
        of_file = state_by_linked(*linked.get(entry.uploading, (0, 1)))
        delivered = "accepted_static" if is_static else of_file
        expected = {
            "skipped": entry.reason in outcome.reasons,
            delivered: outcome.is_sent and entry.uploading > 0,
        }
        if not expected.get(entry.state):
            mismatches[call, number, channel] = (entry, outcome)
    assert mismatches == {}
    # Every rule has refused at least one call.
    assert {entry.reason for entry in entries.values()} == {"", *REFUSALS}


def assert_exactly(metrika: Metrika, oracle: Oracle) -> None:
    """Metrika has exactly the rows that the settings allow, with all their values."""
    for settings, channel in product((WINDOWS, MY_SITE), (CALLS, GOAL)):
        outcomes = (oracle.expected(settings, call, channel) for call in oracle.records)
        expected = columns(dict(outcome.row) for outcome in outcomes if outcome.is_sent)
        held = columns(metrika.held(settings.number, channel))
        assert (expected - held, held - expected) == (Counter(), Counter())
        assert bool(expected) == (channel == CALLS or bool(settings.goal))
    assert metrika.doubles() == 0


def totals(
    entries: dict[Key, LedgerEntry], settings: CounterSettings, channel: str
) -> dict[str, int]:
    """Count the states of one counter and channel, in the words of the cabinet."""
    return dict(
        Counter(
            WORDS.get(entry.reason) or WORDS[entry.state]
            for (_call, number, where), entry in entries.items()
            if (number, where) == (settings.number, channel)
        )
    )
