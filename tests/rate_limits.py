"""Helpers of tests about rate limits, which outlive a test in Redis."""

from __future__ import annotations

from functools import cache

import pytest
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from cabinets import rate_limit

#: In the product a request waits 0.2 s for the limiter; a loaded test machine may be slower.
TIMEOUT_SECONDS = 10


def reset_link_rate_limits(redis_url: str) -> None:
    """Delete the limits of linking: the ids of people repeat across tests."""
    with Redis.from_url(redis_url) as redis:
        for key in redis.scan_iter("rate:link:*"):
            redis.delete(key)


def enforce_rate_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Close the circuit breaker, and give Redis so much time that load does not open it."""

    @cache
    def client(url: str) -> Redis:
        return Redis.from_url(
            url,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )

    monkeypatch.setattr(rate_limit, "_paused_until", 0.0)
    monkeypatch.setattr(rate_limit, "_client", client)
