"""What CallKeeper posts, and what Metrika has of it, call by call, whatever the database says."""

from __future__ import annotations

from collections import Counter as Tally
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from cabinets.models import CallSource
from calls.ingest import store
from calls.ingest.parsing.record import read_records
from calls.models import Way
from tests import factories
from tests.faults.sandbox_process import SandboxProcess

#: One row that Metrika should have: counter, channel, visitor. Every call has its own visitor.
Row = tuple[int, str, str]


@dataclass(frozen=True)
class Site:
    """A site with a counter of its own; the channels that its calls go through."""

    name: str
    number: int
    login: str
    goal: str = ""

    @property
    def host(self) -> str:
        return f"{self.name.replace('_', '-')}.example"

    @property
    def channels(self) -> tuple[str, ...]:
        return ("calls", "goal") if self.goal else ("calls",)


@dataclass
class Traffic:
    """The sender's side: every record it has posted, and may post again."""

    source: str
    records: list[tuple[Site, dict[str, Any]]] = field(default_factory=list)

    def post(self, site: Site, count: int) -> None:
        """Post new calls of a site. For use in `Machine.opened`."""
        started = timezone.now() - timedelta(hours=1)
        new = [
            factories.v3_record(site=site.host, callTime=started.isoformat()) for _ in range(count)
        ]
        self.records += [(site, record) for record in new]
        self._store(new)

    def repeat(self) -> None:
        """Post everything again, as a sender does that knows of a lost database."""
        self._store([record for _site, record in self.records])

    def expected(self) -> set[Row]:
        """Return the rows that Metrika should have in the end."""
        return {
            (site.number, channel, record["yaClid"])
            for site, record in self.records
            for channel in site.channels
        }

    def visitors(self) -> dict[str, str]:
        """Return external id → visitor of all calls."""
        return {record["universalId"]: record["yaClid"] for _site, record in self.records}

    def _store(self, records: list[dict[str, Any]]) -> None:
        now = timezone.now()
        source = CallSource.objects.get(public_id=self.source)
        read = read_records(records, source_id=self.source, zone=None, now=now)
        store.store_calls(source=source, records=read, now=now, way=Way.API)


@dataclass(frozen=True)
class Comparison:
    """What Metrika has of the posted calls."""

    rows: int
    doubles: int
    missing: set[Row]
    #: Rows of no posted call.
    strange: set[Row]


def compare(traffic: Traffic, sandbox: SandboxProcess) -> Comparison:
    """Compare the posted calls with the rows of the sandbox, independent of any database."""
    found = Tally(
        (row.counter, row.channel, row.visitor) for page in sandbox.held() for row in page
    )
    expected = traffic.expected()
    return Comparison(
        rows=found.total(),
        doubles=found.total() - len(found),
        missing=expected - found.keys(),
        strange=found.keys() - expected,
    )


def wrong_links(traffic: Traffic, sandbox: SandboxProcess, pages: dict[str, str]) -> int:
    """Count the rows whose address opens the page of another call.

    ``pages`` is path of a page → external id of the call that it shows.
    """
    visitors = traffic.visitors()
    wrong = 0
    for page in sandbox.held():
        for row in page:
            opened = pages.get(row.call_page.partition("/calls/")[2])
            wrong += opened is not None and visitors[opened] != row.visitor
    return wrong
