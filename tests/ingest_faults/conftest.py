"""The same stage as for faults of sending; here calls come in by the real door."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.conftest import (
    crew,
    environment,
    log,
    nursery,
    result,
    sandbox,
    stage,
    stand_in,
)
from tests.ingest_faults.web_server import Door, open_door

__all__ = ["crew", "environment", "log", "nursery", "result", "sandbox", "stage", "stand_in"]


@pytest.fixture(scope="session")
def door(environment: dict[str, str], log: Path) -> Iterator[Door]:
    """A web server over the test database, for tests that leave it alive."""
    with open_door(environment, log) as opened:
        yield opened
