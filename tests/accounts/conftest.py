"""Limits of signing in that begin anew with each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import time_machine
from django.conf import settings
from redis import Redis

from accounts import sign_in_limits
from tests.rate_limits import enforce_rate_limits


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enforce the limits, and forget what earlier tests used up."""
    enforce_rate_limits(monkeypatch)
    monkeypatch.setattr(sign_in_limits, "_refused_until", {})
    with Redis.from_url(settings.REDIS_URL) as redis:
        for key in redis.scan_iter("rate:sign_in:*"):
            redis.delete(key)


@pytest.fixture(autouse=True)
def still_clock() -> Iterator[None]:
    """Stop the clock: on a loaded machine a unit could return while a test uses them up."""
    with time_machine.travel("2026-11-20T09:00:00Z", tick=False):
        yield
