"""Rate limits outlive a test, while the ids of people repeat: tests of linking begin with none."""

from __future__ import annotations

from redis import Redis


def reset_link_rate_limits(redis_url: str) -> None:
    with Redis.from_url(redis_url) as redis:
        for key in redis.scan_iter("rate:link:*"):
            redis.delete(key)
