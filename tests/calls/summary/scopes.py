"""A counter or the whole cabinet of the planted world: how its pages are asked and walked."""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.test import Client
from django.urls import reverse

from cabinets.models import Cabinet
from calls.pages.funnel_steps import Rows
from calls.pages.ledger_export.rows import LedgerReader
from calls.pages.ledger_form import LedgerForm
from calls.pages.number_table import Cell, NumberTable
from calls.queries.ledger_filters import SENT
from counters.models import Counter
from tests.calls.summary.every_state import DAYS, NOW, File, Row, World

WHOLE = {"from": f"2026-11-{DAYS[0]}", "to": f"2026-11-{DAYS[-1]}"}


@dataclass(frozen=True)
class Scope:
    """One counter, or the whole cabinet: its planted rows, and how its pages are asked."""

    client: Client
    world: World
    counter: Counter | None

    @property
    def rows(self) -> list[Row]:
        found = self.world.rows
        return [one for one in found if self.counter in (None,) or one.counter == self.counter.pk]

    @property
    def files(self) -> list[File]:
        found = self.world.files
        return [one for one in found if not self.counter or one.upload.counter == self.counter]

    @property
    def query(self) -> dict[str, Any]:
        return WHOLE | ({"counter": self.counter.pk} if self.counter else {})

    def tables(self, name: str) -> dict[str, NumberTable]:
        answer = self.client.get(reverse(f"calls:{name}"), self.query)
        return {one.code: one for one in answer.context["tables"]}

    def opens(self, cell: Cell, rows: Iterable[Row]) -> None:
        """The address of a cell opens the calls of these rows, and its file has these rows."""
        listed = list(rows)
        assert exported(self.world.cabinet, cell.url) == len(listed)
        if self.counter is None and "stage" in cell.url:
            assert Tally(walked(self.client, cell.url)) == once({one.call for one in listed})


def once(calls: Iterable[int]) -> dict[int, int]:
    return dict.fromkeys(calls, 1)


def value(cell: Cell) -> int:
    assert isinstance(cell.value, int)
    return cell.value


def asked_by(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))


def walked(client: Client, url: str) -> list[int]:
    """Return the calls of the ledger at this address, page after page to the end."""
    found: list[int] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(reverse("calls:list"), asked_by(url) | cursor)
        found += [int(row["url"].rstrip("/").rsplit("/", 1)[1]) for row in answer.context["rows"]]
        if not answer.context["next_cursor"]:
            return found
        cursor = {"cursor": answer.context["next_cursor"]}


def exported(cabinet: Cabinet, url: str) -> int:
    """Return the lines of the file of the ledger at this address."""
    form = LedgerForm(asked_by(url), cabinet=cabinet, sees_phones=True)
    assert form.is_valid(), form.errors
    reader = LedgerReader(cabinet, form.filters(), NOW, cabinet.zone, is_whole=True)
    return len(list(reader.every_row()))


def is_in(row: Row, asked: Rows) -> bool:
    """Whether a planted row is one of these, by what the planted file says."""
    is_at_stage = not asked.stage or row.with_metrika == (asked.stage == SENT)
    return row.shown in asked.states and is_at_stage


def day_in(row: Row, zone: Any) -> date:
    return row.at.astimezone(zone).date()
