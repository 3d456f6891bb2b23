"""Fixtures: a sandbox per test, and a person who has linked an account."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devtools.sandbox import RunningSandbox, start_sandbox
from tests.devtools.sandbox.actor import Actor


@pytest.fixture
def sandbox() -> Iterator[RunningSandbox]:
    """Uploadings take an hour of its clock, which tests advance."""
    running = start_sandbox(ripen_seconds=3600)
    yield running
    running.close()


@pytest.fixture
def actor(sandbox: RunningSandbox) -> Iterator[Actor]:
    """The owner of the counters, linked with all scopes."""
    person = Actor(sandbox)
    person.link()
    yield person
    person.browser.close()
