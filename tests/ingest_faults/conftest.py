"""The fixtures of tests/faults, and a real web server that receives the calls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import (
    environment,
    fork_server,
    log,
    result,
    sandbox,
    sandbox_process,
    scenario,
    workers,
)
from tests.ingest_faults.web_server import WebServer, start_web_server

__all__ = [
    "environment",
    "fork_server",
    "log",
    "result",
    "sandbox",
    "sandbox_process",
    "scenario",
    "workers",
]


@pytest.fixture(scope="session")
def web_server(environment: dict[str, str], log: Path) -> Iterator[WebServer]:
    """A web server over the test database, shared by tests that do not kill it."""
    with start_web_server(environment, log) as opened:
        yield opened
