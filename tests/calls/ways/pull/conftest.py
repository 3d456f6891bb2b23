"""A pulled source of the stand-in of CallKeeper's API, at a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from pytest_django import Settings

from cabinets.models import Cabinet
from calls.models import Call, PullSource
from calls.ways.pull import run
from devtools.sandbox import RunningSandbox
from tests import factories
from tests.devtools.sandbox.actor import control

KEY = factories.PULL_KEY
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def moscow(moment: datetime) -> str:
    """Return the time as the API writes it: bare."""
    return (moment + timedelta(hours=3)).strftime("%Y-%m-%d %H:%M:%S")


class CallKeeper:
    """One account of the stand-in."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox = sandbox
        self.set_up()

    def set_up(self, **options: Any) -> None:
        control(self.sandbox, "callkeeper/accounts", key=KEY, name="test", **options)

    def add(self, *moments: datetime, **fields: Any) -> list[str]:
        """Add a call for every moment; return their ids."""
        calls = [{"callTime": moscow(one)} | fields for one in moments]
        path = f"callkeeper/accounts/{KEY}/calls"
        ids: list[str] = control(self.sandbox, path, calls=calls)["calls"]
        return ids

    def add_many(self, count: int, since: datetime, until: datetime) -> None:
        path = f"callkeeper/accounts/{KEY}/calls"
        period = {"since": since.timestamp(), "until": until.timestamp()}
        control(self.sandbox, path, count=count, **period)

    def change(self, call: str, **fields: Any) -> None:
        control(self.sandbox, f"callkeeper/calls/{call}", **fields)

    def fault(self, name: str, **details: Any) -> None:
        control(self.sandbox, "faults", name=f"callkeeper_{name}", **details)

    @property
    def requests(self) -> int:
        counts = control(self.sandbox, "requests?last=0")["counts"]
        return sum(one["count"] for one in counts if one["path"] == "/api/")

    @property
    def at_a_time(self) -> int:
        """The most requests that ran at a time."""
        peaks: dict[str, int] = control(self.sandbox, "requests?last=0")["max_parallel"]
        return peaks.get("callkeeper/test", 0)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def callkeeper(
    sandbox: RunningSandbox, settings: Settings, clock: time_machine.Traveller
) -> CallKeeper:
    settings.CALLKEEPER_API_URL = f"{sandbox.url}/api/"
    return CallKeeper(sandbox)


@pytest.fixture
def pull(callkeeper: CallKeeper, cabinet: Cabinet) -> PullSource:
    return make_pull(cabinet)


def make_pull(cabinet: Cabinet, *, days: int = 1, **fields: Any) -> PullSource:
    """Make a source that begins so many days ago and is due."""
    source = factories.make_source(cabinet=cabinet, kind="pull")
    begin = timezone.now() - timedelta(days=days)
    values = {"pull_from": begin, "pulled_until": begin, "next_at": timezone.now()} | fields
    return factories.make_pull(source=source, **values)


def pull_due(*, seconds: float = 60) -> int:
    return run.pull_due(seconds=seconds)


def stored_ids() -> list[str]:
    return sorted(Call.objects.values_list("external_id", flat=True))
