"""Funnel, statistics, ledger, export and reconciliation show one cabinet alike, to the row.

Each is compared with what was planted (`every_state`), so with all the others.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from cabinets.models import Cabinet
from calls.pages.forms import LedgerForm
from calls.pages.funnel_steps import STEPS, Rows
from calls.pages.ledger_export.rows import LedgerReader
from calls.pages.number_table import Cell, NumberTable
from calls.queries.ledger_filters import SENT
from calls.states import DisplayState
from counters.models import Counter
from tests import factories
from tests.calls.summary.every_state import DAYS, NOW, Row, World, planted, planted_few

pytestmark = pytest.mark.django_db
WHOLE = {"from": f"2026-11-{DAYS[0]}", "to": f"2026-11-{DAYS[-1]}"}


@pytest.fixture
def world(cabinet: Cabinet, counter: Counter) -> World:
    # Calls of the same days in another cabinet: nothing of it may be counted.
    other = factories.make_cabinet(name="Чужой")
    account = factories.make_account(cabinet=other)
    planted_few(other, factories.make_counter(account=account))
    return planted(cabinet, counter)


def tables_of(client: Client, name: str, **query: Any) -> dict[str, NumberTable]:
    answer = client.get(reverse(f"calls:{name}"), query)
    return {one.code: one for one in answer.context["tables"]}


def value(cell: Cell) -> int:
    assert isinstance(cell.value, int)
    return cell.value


def walked(client: Client, url: str) -> list[int]:
    """Return the calls of the ledger at this address, page after page to the end."""
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(url, dict(parse_qsl(urlsplit(url).query)) | cursor)
        found += [int(row["url"].rstrip("/").rsplit("/", 1)[1]) for row in answer.context["rows"]]
        if not answer.context["next_cursor"]:
            return found
        cursor = {"cursor": answer.context["next_cursor"]}


def exported(cabinet: Cabinet, url: str) -> int:
    """Return the lines of the file of the ledger at this address."""
    form = LedgerForm(dict(parse_qsl(urlsplit(url).query)), cabinet=cabinet, sees_phones=True)
    assert form.is_valid(), form.errors
    reader = LedgerReader(cabinet, form.filters(), NOW, cabinet.zone, is_whole=True)
    return len(list(reader.every_row()))


def day_of(row: Row, cabinet: Cabinet) -> date:
    return row.at.astimezone(cabinet.zone).date()


def test_all_pages_agree(world: World, owner_client: Client) -> None:
    cabinet = world.cabinet
    with time_machine.travel(NOW, tick=False):
        for counter in (None, *world.counters):
            of = {"counter": counter.pk} if counter else {}
            rows = [one for one in world.rows if not counter or one.counter == counter.pk]
            assert_steps(owner_client, cabinet, rows, WHOLE | of)


def assert_steps(client: Client, cabinet: Cabinet, rows: list[Row], query: dict[str, Any]) -> None:
    tables = tables_of(client, "funnel", **query)
    for step, (_title, reached, _share, lost, _example) in zip(
        STEPS, tables["steps"].rows, strict=True
    ):
        for cell, asked in ((reached, step.reached), (lost, step.stayed)):
            expected = [one for one in rows if is_in(one, asked)]
            if step.is_linked:
                continue
            assert value(cell) == len(expected), step.title
            if cell.url:
                assert exported(cabinet, cell.url) == len(expected), step.title
                if "counter" not in query:
                    assert Tally(walked(client, cell.url)) == dict.fromkeys(calls_of(expected), 1)


def is_in(row: Row, asked: Rows) -> bool:
    """Whether a planted row is one of these, by what the planted file says."""
    is_at_stage = not asked.stage or row.with_metrika == (asked.stage == SENT)
    return row.shown in asked.states and is_at_stage


def calls_of(rows: Iterable[Row]) -> set[int]:
    return {one.call for one in rows}


def test_every_state_is_planted(world: World) -> None:
    assert {one.shown for one in world.rows} == set(DisplayState)
